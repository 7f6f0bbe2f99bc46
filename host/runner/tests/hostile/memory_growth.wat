;; Takes all the memory it can get.
(func (export "threatsieve:matcher/lookup@1.0.0#check") (param i32 i32) (result i32) (loop $again (drop (memory.grow (i32.const 16))) (br $again)) (unreachable))
