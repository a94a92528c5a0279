-- The device password that a binding was registered with: when it is revoked, the binding goes with it.
ALTER TABLE bindings ADD COLUMN password INTEGER;
