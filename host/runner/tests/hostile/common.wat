;; The common part of hostile matchers: each loads like an honest one, and describes the blacklist of
;; the tests correctly.
;; Memory: 2048 the name, 3072 the description, 4096 the answer, 5120 its hits, 65536 the batch (at
;; most one page), 131072 the image.
(memory (export "memory") 2)
(data (i32.const 2048) "hostile")
(func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32) (i32.const 65536))
(func (export "threatsieve:matcher/lookup@1.0.0#describe") (result i32)
  (i32.store (i32.const 3080) (i32.const 3)) ;; normaliser
  (i32.store (i32.const 3084) (i32.const 4)) ;; format
  (i64.store (i32.const 3088) (i64.const 7)) ;; generation
  (i32.store (i32.const 3096) (i32.const 2048)) ;; name
  (i32.store (i32.const 3100) (i32.const 7))
  (i32.store (i32.const 3104) (i32.const 2)) ;; entries
  (i32.store (i32.const 3108) (i32.load (i32.const 131096))) ;; bytes of the image
  (i32.const 3072))
;; Adds a hit to the answer: observable, entry, how, allowed-by (-1 for none).
(global $hits (mut i32) (i32.const 0))
(func $hit (param $observable i32) (param $entry i32) (param $how i32) (param $allowed i32)
  (local $at i32)
  (local.set $at (i32.add (i32.const 5120) (i32.mul (global.get $hits) (i32.const 20))))
  (i32.store (local.get $at) (local.get $observable))
  (i32.store offset=4 (local.get $at) (local.get $entry))
  (i32.store8 offset=8 (local.get $at) (local.get $how))
  (i32.store8 offset=12 (local.get $at) (i32.ne (local.get $allowed) (i32.const -1)))
  (i32.store offset=16 (local.get $at) (local.get $allowed))
  (global.set $hits (i32.add (global.get $hits) (i32.const 1))))
(func $answer (result i32)
  (i32.store (i32.const 4096) (i32.const 0))
  (i32.store (i32.const 4100) (i32.const 5120))
  (i32.store (i32.const 4104) (global.get $hits))
  (global.set $hits (i32.const 0))
  (i32.const 4096))
