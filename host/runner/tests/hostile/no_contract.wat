;; Takes a blacklist and exports nothing.
(component
  (core module $module (memory (export "memory") 1) (global (export "threatsieve_blacklist") i32 (i32.const 1024)))
  (core instance (instantiate $module)))
