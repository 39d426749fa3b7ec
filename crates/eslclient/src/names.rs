//! A macro for enums of FreeSWITCH's names.

/// Defines an enum whose variants have names in FreeSWITCH, with conversions in both
/// directions. Other names are kept in the variant `Other`.
macro_rules! named_enum {
    (
        $(#[$attribute:meta])*
        pub enum $type:ident {
            $( $(#[$variant_attribute:meta])* $variant:ident = $name:literal, )+
        }
    ) => {
        $(#[$attribute])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum $type {
            $( $(#[$variant_attribute])* $variant, )+
            /// A name that this crate does not know, as the switch wrote it.
            Other(Box<str>),
        }

        impl $type {
            /// Every variant that has a name of its own.
            const KNOWN: &[Self] = &[$( Self::$variant, )+];

            /// Finds the variant with this name in any case; `None` for a name that this crate
            /// does not know.
            #[must_use]
            pub fn known(name: &str) -> Option<Self> {
                let mut known = Self::KNOWN.iter();
                known
                    .find(|known| known.as_str().eq_ignore_ascii_case(name))
                    .cloned()
            }

            /// Returns every name that this crate knows, in the order of FreeSWITCH's own list.
            pub fn all() -> impl Iterator<Item = Self> {
                Self::KNOWN.iter().cloned()
            }

            /// Returns FreeSWITCH's name.
            #[must_use]
            pub fn as_str(&self) -> &str {
                match self {
                    $( Self::$variant => $name, )+
                    Self::Other(name) => name,
                }
            }
        }

        impl From<&str> for $type {
            /// Finds the variant with this name in any case, as FreeSWITCH does.
            fn from(name: &str) -> Self {
                Self::known(name).unwrap_or_else(|| Self::Other(name.into()))
            }
        }

        impl std::str::FromStr for $type {
            type Err = std::convert::Infallible;

            /// Never fails: an unknown name becomes `Other`.
            fn from_str(name: &str) -> Result<Self, Self::Err> {
                Ok(Self::from(name))
            }
        }

        /// Writes FreeSWITCH's name.
        #[cfg(feature = "serde")]
        impl serde::Serialize for $type {
            fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
                to.serialize_str(self.as_str())
            }
        }

        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }
    };
}

pub(crate) use named_enum;
