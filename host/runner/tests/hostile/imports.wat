;; Imports a function.
(component
  (import "clock" (func (result u64)))
  (core module $module (memory (export "memory") 1))
  (core instance (instantiate $module)))
