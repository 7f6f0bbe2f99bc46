;; Wants something of the host.
(component
  (import "clock" (func (result u64)))
  (core module $module (memory (export "memory") 1) (global (export "threatsieve_blacklist") i32 (i32.const 1024)))
  (core instance (instantiate $module)))
