//! Tokens of leases: random bytes, then a suffix that tells whose the lease is.

use std::sync::{Mutex, PoisonError};

use sha2::{Digest as _, Sha256};

/// Random bytes of a token; the suffix follows.
pub(super) const RANDOM_BYTES: usize = 16;

/// Bytes of the suffix.
const SUFFIX_BYTES: usize = 16;

/// Makes the tokens of one open store.
#[derive(Debug, Default)]
pub(super) struct LeaseTokens {
    /// The suffix of every token; empty without an instance id.
    suffix: Vec<u8>,
    /// Tokens of claims whose answer was lost: they may have been committed.
    in_doubt: Mutex<Vec<Vec<u8>>>,
}

/// Returns the suffix of every token of an instance; empty without an instance id.
pub(super) fn holder_suffix(instance_id: Option<&str>) -> Vec<u8> {
    let digest = instance_id.map(|id| Sha256::digest(id.as_bytes()));
    digest.map_or_else(Vec::new, |digest| digest[..SUFFIX_BYTES].to_vec())
}

impl LeaseTokens {
    /// Returns the tokens of an instance.
    pub(super) fn of_instance(instance_id: Option<&str>) -> Self {
        Self {
            suffix: holder_suffix(instance_id),
            in_doubt: Mutex::default(),
        }
    }

    /// Returns the token of the next claim, and whether a lost claim may have leased documents
    /// under it already.
    pub(super) fn next_claim(&self) -> (Vec<u8>, bool) {
        let mut in_doubt = self.in_doubt.lock().unwrap_or_else(PoisonError::into_inner);
        match in_doubt.pop() {
            Some(token) => (token, true),
            None => (self.fresh(), false),
        }
    }

    /// Returns a new token.
    pub(super) fn fresh(&self) -> Vec<u8> {
        let random = uuid::Uuid::new_v4();
        [&random.as_bytes()[..], &self.suffix].concat()
    }

    /// Notes that the answer of the claim with this token was lost.
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
        let here = LeaseTokens::of_instance(Some("here"));
        let there = LeaseTokens::of_instance(Some("there"));
        let (first, second) = (here.next_claim().0, here.next_claim().0);
        assert_ne!(first, second);
        assert_eq!(first[RANDOM_BYTES..], holder_suffix(Some("here")));
        assert_eq!(second[RANDOM_BYTES..], first[RANDOM_BYTES..]);
        assert_ne!(there.next_claim().0[RANDOM_BYTES..], first[RANDOM_BYTES..]);
        let nowhere = LeaseTokens::of_instance(None);
        assert!(nowhere.next_claim().0[RANDOM_BYTES..].is_empty());
    }

    #[test]
    fn a_token_in_doubt_is_the_next_claims() {
        let tokens = LeaseTokens::of_instance(None);
        let (token, in_doubt) = tokens.next_claim();
        assert!(!in_doubt);
        tokens.doubt(token.clone());
        assert_eq!(tokens.next_claim(), (token.clone(), true));
        assert_ne!(tokens.next_claim(), (token, true), "once");
    }
}
