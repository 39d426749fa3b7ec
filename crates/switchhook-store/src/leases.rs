//! Tokens of leases: random, then whose they are.

use std::sync::{Mutex, PoisonError};

use sha2::{Digest as _, Sha256};

/// Bytes of a token that are random; what follows tells whose it is.
pub(super) const RANDOM_BYTES: usize = 16;
/// Bytes of whose it is.
const PLACE_BYTES: usize = 16;

/// Makes the tokens of one open store.
#[derive(Debug, Default)]
pub(super) struct Leases {
    /// What its tokens end with; nothing when it has no place.
    place: Vec<u8>,
    /// Tokens of claims whose answers were lost: they may have been committed.
    in_doubt: Mutex<Vec<Vec<u8>>>,
}

/// What every token ends with that is made at `place`.
pub(super) fn mark(place: Option<&str>) -> Vec<u8> {
    let digest = place.map(|place| Sha256::digest(place.as_bytes()));
    digest.map_or_else(Vec::new, |digest| digest[..PLACE_BYTES].to_vec())
}

impl Leases {
    pub(super) fn of(place: Option<&str>) -> Self {
        Self {
            place: mark(place),
            in_doubt: Mutex::default(),
        }
    }

    /// The token of the next claim, and whether documents may be leased under it already, of
    /// which nobody knows.
    pub(super) fn token(&self) -> (Vec<u8>, bool) {
        let mut in_doubt = self.in_doubt.lock().unwrap_or_else(PoisonError::into_inner);
        match in_doubt.pop() {
            Some(token) => (token, true),
            None => (self.fresh(), false),
        }
    }

    /// A token that nothing was leased under.
    pub(super) fn fresh(&self) -> Vec<u8> {
        let random = uuid::Uuid::new_v4();
        [&random.as_bytes()[..], &self.place].concat()
    }

    /// The answer of the claim with this token was lost.
    pub(super) fn doubt(&self, token: Vec<u8>) {
        let mut in_doubt = self.in_doubt.lock().unwrap_or_else(PoisonError::into_inner);
        in_doubt.push(token);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_differ_and_say_whose_they_are() {
        let (here, there) = (Leases::of(Some("here")), Leases::of(Some("there")));
        let (first, second) = (here.token().0, here.token().0);
        assert_ne!(first, second);
        assert_eq!(first[RANDOM_BYTES..], mark(Some("here")));
        assert_eq!(second[RANDOM_BYTES..], first[RANDOM_BYTES..]);
        assert_ne!(there.token().0[RANDOM_BYTES..], first[RANDOM_BYTES..]);
        assert!(Leases::of(None).token().0[RANDOM_BYTES..].is_empty());
    }

    #[test]
    fn a_token_in_doubt_is_the_next_claims() {
        let leases = Leases::of(None);
        let (token, known) = leases.token();
        assert!(!known);
        leases.doubt(token.clone());
        assert_eq!(leases.token(), (token.clone(), true));
        assert_ne!(leases.token(), (token, true), "once");
    }
}
