;; Returns a hit for an observable that no batch of the tests has.
(func (export "threatsieve:matcher/lookup@1.0.0#check") (param i32 i32) (result i32) (call $hit (i32.const 1000) (i32.const 0) (i32.const 0) (i32.const -1)) (call $answer))
