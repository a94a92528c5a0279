//! An instant-messaging client that commands conferences: what the CLI, the selftest and the tests speak through.
