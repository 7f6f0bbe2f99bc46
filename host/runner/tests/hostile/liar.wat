;; Describes another blacklist than the one in its memory.
(data (i32.const 2048) "h") (func $start (i32.store8 (i32.const 2049) (i32.const 48))) (start $start)
(func (export "threatsieve:matcher/lookup@1.0.0#check") (param i32 i32) (result i32) (call $answer))
