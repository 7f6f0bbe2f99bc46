;; Returns an answer outside its memory.
(func (export "threatsieve:matcher/lookup@1.0.0#check") (param i32 i32) (result i32) (drop (call $answer)) (i32.store (i32.const 4104) (i32.const 0x7fffffff)) (i32.const 4096))
