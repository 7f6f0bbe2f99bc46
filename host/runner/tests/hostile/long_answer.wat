;; An answer longer than the contract allows: 2,000,000 hits, all of the first observable.
(func (export "threatsieve:matcher/lookup@1.0.0#check") (param i32 i32) (result i32) (drop (memory.grow (i32.const 620))) (drop (call $answer)) (i32.store (i32.const 4104) (i32.const 2000000)) (i32.const 4096))
