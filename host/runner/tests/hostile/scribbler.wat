;; Fills its image with 0xff on an observable that begins with an exclamation mark. Entry 0 covers the
;; observable while the image is intact.
(func (export "threatsieve:matcher/lookup@1.0.0#check") (param i32 i32) (result i32)
  (if (i32.eq (i32.load8_u (i32.const 65540)) (i32.const 33))
    (then (memory.fill (i32.const 131072) (i32.const 0xff) (i32.load (i32.const 131096)))))
  (if (i64.eq (i64.load (i32.const 131072)) (i64.const 0x4c42455645495354)) ;; "TSIEVEBL"
    (then (call $hit (i32.const 0) (i32.const 0) (i32.const 0) (i32.const -1))))
  (call $answer))
