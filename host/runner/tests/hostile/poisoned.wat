;; Traps on an observable that begins with an exclamation mark. Otherwise entry 0 covers every
;; observable.
(func (export "threatsieve:matcher/lookup@1.0.0#check") (param i32 i32) (result i32)
  (local $at i32) (local $observable i32)
  (local.set $at (i32.const 65536))
  (block $read
    (loop $next
      (br_if $read (i32.ge_u (local.get $at) (i32.add (i32.const 65536) (local.get 1))))
      (if (i32.eq (i32.load8_u offset=4 (local.get $at)) (i32.const 33)) (then (unreachable)))
      (call $hit (local.get $observable) (i32.const 0) (i32.const 0) (i32.const -1))
      (local.set $observable (i32.add (local.get $observable) (i32.const 1)))
      (local.set $at (i32.add (local.get $at) (i32.add (i32.const 4) (i32.and (i32.load (local.get $at)) (i32.const 0xffffff)))))
      (br $next)))
  (call $answer))
