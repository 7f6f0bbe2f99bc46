;; Traps unless the rest of the image's last page is zero, and unless the memory that it asks for is
;; after that page, reads as zeros and can be written.
(func $require (param i32) (if (i32.eqz (local.get 0)) (then (unreachable))))
(func $zero (param $from i32) (param $to i32)
  (loop $next
    (if (i32.lt_u (local.get $from) (local.get $to))
      (then
        (call $require (i32.eqz (i32.load8_u (local.get $from))))
        (local.set $from (i32.add (local.get $from) (i32.const 1)))
        (br $next)))))
(func (export "threatsieve:matcher/lookup@1.0.0#check") (param i32 i32) (result i32)
  (local $end i32) (local $page i32)
  (local.set $end (i32.add (i32.const 131072) (i32.load (i32.const 131096))))
  (local.set $page (i32.mul (memory.size) (i32.const 65536)))
  (call $require (i32.le_u (local.get $end) (local.get $page)))
  (call $require (i32.lt_u (i32.sub (local.get $page) (local.get $end)) (i32.const 65536)))
  (call $zero (local.get $end) (local.get $page))
  (call $require (i32.eq (i32.mul (memory.grow (i32.const 3)) (i32.const 65536)) (local.get $page)))
  (call $zero (local.get $page) (i32.add (local.get $page) (i32.const 196608)))
  (memory.fill (local.get $page) (i32.const 0xa5) (i32.const 196608))
  (call $hit (i32.const 0) (i32.const 0) (i32.const 0) (i32.const -1))
  (call $answer))
