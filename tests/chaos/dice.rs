//! Where every fault comes from.

use std::sync::OnceLock;

/// Half of the faults are the same in every run.
const FIXED: u64 = 5;
const SEED: &str = "SWITCHHOOK_CHAOS_SEED";

fn given() -> Option<u64> {
    let seed = std::env::var(SEED).ok()?;
    Some(seed.parse().expect("SWITCHHOOK_CHAOS_SEED is a number"))
}

fn fresh() -> u64 {
    static FRESH: OnceLock<u64> = OnceLock::new();
    *FRESH.get_or_init(|| given().unwrap_or_else(|| fastrand::u64(..)))
}

/// Says how this run is repeated.
pub fn tell() {
    if length() == Length::Short {
        println!("a fifth of the faults; {LENGTH}=full has all of them");
    }
    match given() {
        Some(seed) => println!("{SEED}={seed} throughout"),
        None => println!(
            "half of the faults: {SEED}={FIXED}; the others: {SEED}={}",
            fresh()
        ),
    }
}

/// The dice of the part `number` of a trial: of every two parts one has the fixed seed. With
/// a seed given, all have that one.
pub fn of(trial: &str, number: usize) -> fastrand::Rng {
    let seed = match given() {
        None if number.is_multiple_of(2) => FIXED,
        None | Some(_) => fresh(),
    };
    let name = trial.bytes().fold(seed, |mixed, byte| {
        mixed.wrapping_mul(0x0100_0000_01b3) ^ u64::from(byte)
    });
    fastrand::Rng::with_seed(name.wrapping_add(number as u64))
}

/// How many faults a run has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Length {
    /// A fifth of the faults.
    Short,
    /// The faults that docs/reliability.md counts.
    Full,
    /// Fifty times as many.
    Long,
}

const LENGTH: &str = "SWITCHHOOK_CHAOS";

fn length() -> Length {
    match std::env::var(LENGTH).as_deref() {
        Ok("long") => Length::Long,
        Ok("full") => Length::Full,
        Ok("") | Err(_) => Length::Short,
        Ok(other) => panic!("{LENGTH}={other} is unknown; use \"full\" or \"long\""),
    }
}

/// Returns how many faults a run has in place of the `count` of a full one.
pub fn times(count: usize) -> usize {
    match length() {
        // Every fourth round of some trials is another one.
        Length::Short => (count / 5).max(4),
        Length::Full => count,
        Length::Long => count * 50,
    }
}

/// Returns whether the counts of this run are those of docs/reliability.md.
pub fn is_full() -> bool {
    length() == Length::Full
}
