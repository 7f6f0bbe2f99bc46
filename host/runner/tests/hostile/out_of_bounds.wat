;; Reads outside its memory. With signal traps, this is a hardware fault.
(func (export "threatsieve:matcher/lookup@1.0.0#check") (param i32 i32) (result i32) (drop (i32.load (i32.const -16))) (call $answer))
