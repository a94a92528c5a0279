//! Turns a struct's doc comments and defaults into data, for the example file and for finding unknown keys.

use serde::Serialize;

/// One key of a section.
#[derive(Debug, Clone, PartialEq)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What it means, one or more lines.
    pub words: String,
    /// Its value as TOML: the default, or where there is none something like what would stand there.
    pub value: String,
    /// Whether `value` is the default.
    pub is_default: bool,
}

/// A section of the file.
#[derive(Debug, Clone, PartialEq)]
pub struct Section {
    /// `server` for `[server]`.
    pub name: &'static str,
    /// Whether it may be there many times: `[[trunk]]`.
    pub repeats: bool,
    /// What it is about.
    pub words: String,
    /// Its keys.
    pub keys: Vec<Key>,
}

impl Section {
    pub(super) fn table<T: Described>(name: &'static str) -> Self {
        Self {
            name,
            repeats: false,
            words: T::words(),
            keys: T::keys(),
        }
    }
    pub(super) fn list<T: Described>(name: &'static str) -> Self {
        Self {
            repeats: true,
            ..Self::table::<T>(name)
        }
    }
}

/// Implemented by `settings!`.
pub(super) trait Described {
    fn words() -> String;
    fn keys() -> Vec<Key>;
}

/// A value as it stands in a TOML file.
pub(super) fn toml_text<T: Serialize>(value: &T) -> String {
    toml::Value::try_from(value).map_or_else(|_| String::new(), |value| value.to_string())
}

/// The lines of doc comments, each begun by the space that stands behind the slashes.
pub(super) fn doc_text(lines: &[&str]) -> String {
    let lines: Vec<&str> = lines.iter().map(|line| line.trim()).collect();
    lines.join("\n")
}

/// Declares a section: a struct with serde's reading (unknown keys are errors), defaults, and its own description.
macro_rules! settings {
    (
        $(#[doc = $doc:literal])*
        pub struct $name:ident {
            $(
                $(#[doc = $field_doc:literal])*
                pub $field:ident : $type:ty = $default:expr $(, like $like:literal)? ;
            )*
        }
    ) => {
        $(#[doc = $doc])*
        #[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub struct $name {
            $( $(#[doc = $field_doc])* pub $field: $type, )*
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $( $field: $default, )* }
            }
        }

        impl $crate::config::describe::Described for $name {
            fn words() -> String {
                $crate::config::describe::doc_text(&[$($doc),*])
            }
            fn keys() -> Vec<$crate::config::describe::Key> {
                let defaults = Self::default();
                vec![ $( {
                    let like: Option<&'static str> = [$($like)?].first().copied();
                    $crate::config::describe::Key {
                        name: stringify!($field),
                        words: $crate::config::describe::doc_text(&[$($field_doc),*]),
                        value: like.map_or_else(
                            || $crate::config::describe::toml_text(&defaults.$field),
                            String::from,
                        ),
                        is_default: like.is_none(),
                    }
                } ),* ]
            }
        }
    };
}
pub(super) use settings;
