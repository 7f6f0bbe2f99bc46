;; Recurses without end.
(func $deeper (param i64) (result i64) (i64.add (local.get 0) (call $deeper (i64.add (local.get 0) (i64.const 1)))))
(func (export "threatsieve:matcher/lookup@1.0.0#check") (param i32 i32) (result i32) (drop (call $deeper (i64.const 1))) (call $answer))
