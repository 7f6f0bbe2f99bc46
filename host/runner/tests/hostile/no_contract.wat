;; Exports nothing.
(component
  (core module $module (memory (export "memory") 1))
  (core instance (instantiate $module)))
