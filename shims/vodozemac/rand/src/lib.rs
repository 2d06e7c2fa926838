//! Takes the place of the crate rand for vodozemac, which uses no more of it than this: draws of 32 bytes that a request
//! may inject, and random bytes of the system where it does not.

use std::{cell::RefCell, collections::VecDeque, convert::Infallible};

pub use rand_core::Rng;
use rand_core::{TryCryptoRng, TryRng};

thread_local! {
    static INJECTED: RefCell<VecDeque<Option<[u8; 32]>>> = const { RefCell::new(VecDeque::new()) };
}

/// Sets what the next draws give, in their order: a key, or with None random bytes. What an earlier call left is void.
pub fn inject(draws: impl IntoIterator<Item = Option<[u8; 32]>>) {
    INJECTED.set(draws.into_iter().collect());
}

#[derive(Clone, Debug)]
pub struct ThreadRng;

pub fn rng() -> ThreadRng {
    ThreadRng
}

impl TryRng for ThreadRng {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        let mut b = [0; 4];
        self.try_fill_bytes(&mut b)?;
        Ok(u32::from_le_bytes(b))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let mut b = [0; 8];
        self.try_fill_bytes(&mut b)?;
        Ok(u64::from_le_bytes(b))
    }

    fn try_fill_bytes(&mut self, dst: &mut [u8]) -> Result<(), Infallible> {
        match INJECTED.with_borrow_mut(VecDeque::pop_front).flatten() {
            Some(key) if dst.len() == key.len() => dst.copy_from_slice(&key),
            _ => getrandom::fill(dst).expect("the system gives random bytes"),
        }
        Ok(())
    }
}

impl TryCryptoRng for ThreadRng {}
