;; Answers a batch of one observable. For larger ones it reports too many hits.
(func (export "threatsieve:matcher/lookup@1.0.0#check") (param i32 i32) (result i32)
  (if (i32.gt_u (local.get 1) (i32.add (i32.const 4) (i32.load8_u (local.get 0))))
    (then
      (i32.store (i32.const 4096) (i32.const 1))
      (i32.store (i32.const 4100) (i32.const 1))
      (i32.store (i32.const 4104) (i32.const 2000000))
      (return (i32.const 4096))))
  (call $hit (i32.const 0) (i32.const 1) (i32.const 0) (i32.const -1))
  (call $answer))
