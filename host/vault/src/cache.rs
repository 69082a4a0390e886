//! Which seeds were unwrapped a moment ago? Keeps them, so that a busy customer's seed is not unwrapped per delivery.
//!
//! The cache never changes an answer: a seed is found only for exactly the row that it was unwrapped from.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use freehold_model::credential::WrappedKey;
use freehold_model::{CustomerId, TenantId, Timestamp, VaultKeyId};

use crate::key::KeyBytes;

/// How long a seed is kept after it was unwrapped, unless the operator says otherwise: short enough that memory forgets
/// a retired key soon, long enough that a key service is asked seldom and may be away for minutes.
pub(crate) const KEPT_MS: u64 = 5 * 60 * 1000;
/// Seeds kept at once: about 2 MiB, more customers than one host delivers for within a few minutes.
const SEEDS_MAX: usize = 4096;

/// Unwrapped seeds, the longest unwrapped leaving first. Each is wiped when the last user lets go of it.
pub(crate) struct SeedCache {
    seeds: Mutex<Seeds>,
    kept_ms: u64,
}

#[derive(Default)]
struct Seeds {
    by_id: HashMap<VaultKeyId, Kept>,
    by_age: BTreeMap<u64, VaultKeyId>,
    next_serial: u64,
}

struct Kept {
    row: WrappedKey,
    seed: Arc<KeyBytes>,
    unwrapped_at: Timestamp,
    serial: u64,
}

impl SeedCache {
    /// A cache that keeps a seed for `kept_ms` after it was unwrapped.
    pub(crate) fn keeping(kept_ms: u64) -> Self {
        SeedCache { seeds: Mutex::default(), kept_ms }
    }

    /// The seed of `row`, if it was unwrapped lately.
    pub(crate) fn find(&self, row: &WrappedKey, now: Timestamp) -> Option<Arc<KeyBytes>> {
        let mut seeds = self.lock();
        seeds.drop_expired(now, self.kept_ms);
        seeds.by_id.get(&row.id).filter(|kept| kept.row == *row).map(|kept| Arc::clone(&kept.seed))
    }

    /// Keeps the seed of `row`.
    pub(crate) fn keep(&self, row: &WrappedKey, seed: &Arc<KeyBytes>, now: Timestamp) {
        let mut seeds = self.lock();
        seeds.drop_expired(now, self.kept_ms);
        seeds.remove(&row.id);
        while seeds.by_id.len() >= SEEDS_MAX && seeds.remove_oldest() {}
        let serial = seeds.next_serial;
        seeds.next_serial += 1;
        seeds.by_age.insert(serial, row.id.clone());
        seeds
            .by_id
            .insert(row.id.clone(), Kept { row: row.clone(), seed: Arc::clone(seed), unwrapped_at: now, serial });
    }

    /// Drops every seed of `customer`.
    pub(crate) fn forget(&self, tenant: &TenantId, customer: &CustomerId) {
        let mut seeds = self.lock();
        let theirs = |kept: &Kept| kept.row.tenant == *tenant && kept.row.customer == *customer;
        let ids: Vec<_> = seeds.by_id.iter().filter(|(_, kept)| theirs(kept)).map(|(id, _)| id.clone()).collect();
        for id in ids {
            seeds.remove(&id);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Seeds> {
        // Each change leaves the maps whole at every point where it could panic, so a poisoned lock is sound.
        self.seeds.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seeds {
    fn drop_expired(&mut self, now: Timestamp, kept_ms: u64) {
        while self.oldest().is_some_and(|kept| !kept.is_fresh(now, kept_ms)) && self.remove_oldest() {}
    }

    fn oldest(&self) -> Option<&Kept> {
        self.by_age.first_key_value().and_then(|(_, id)| self.by_id.get(id))
    }

    fn remove_oldest(&mut self) -> bool {
        self.by_age.pop_first().is_some_and(|(_, id)| self.by_id.remove(&id).is_some())
    }

    fn remove(&mut self, id: &VaultKeyId) {
        if let Some(kept) = self.by_id.remove(id) {
            self.by_age.remove(&kept.serial);
        }
    }
}

impl Kept {
    /// A clock that was set back must not lengthen the time, so a seed from the future is not fresh either.
    fn is_fresh(&self, now: Timestamp, kept_ms: u64) -> bool {
        now >= self.unwrapped_at && now.millis_since(self.unwrapped_at) < kept_ms
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::EPOCH;

    fn row(number: usize) -> WrappedKey {
        WrappedKey {
            id: format!("vky_{number:026}").parse().unwrap(),
            tenant: "ten_00000000000000000000000001".parse().unwrap(),
            customer: format!("cus_{:026}", number % 2).parse().unwrap(),
            kek_id: "kek_0000000000000000".to_owned(),
            wrapped: vec![7; 3],
            created_at: NOW,
        }
    }

    fn seed(fill: u8) -> Arc<KeyBytes> {
        Arc::new(KeyBytes::copy_of(&[fill; 32]).unwrap())
    }

    fn holds(cache: &SeedCache, row: &WrappedKey, now: Timestamp) -> bool {
        cache.find(row, now).is_some()
    }

    #[test]
    fn a_seed_is_found_for_five_minutes() {
        let cache = SeedCache::keeping(KEPT_MS);

        cache.keep(&row(1), &seed(1), NOW);

        assert_eq!(cache.find(&row(1), NOW.plus_millis(KEPT_MS - 1)).unwrap().expose(), &[1; 32]);
        assert!(!holds(&cache, &row(1), NOW.plus_millis(KEPT_MS)));
        assert!(!holds(&cache, &row(1), NOW), "an expired seed is dropped, not hidden");
    }

    #[test]
    fn setting_the_clock_back_ends_a_seed() {
        let cache = SeedCache::keeping(KEPT_MS);

        cache.keep(&row(1), &seed(1), NOW.plus_millis(10));

        assert!(!holds(&cache, &row(1), NOW));
    }

    #[test]
    fn a_row_that_differs_in_anything_finds_nothing() {
        let cache = SeedCache::keeping(KEPT_MS);
        cache.keep(&row(1), &seed(1), NOW);
        let mut other_tenant = row(1);
        other_tenant.tenant = "ten_00000000000000000000000002".parse().unwrap();
        let mut other_bytes = row(1);
        other_bytes.wrapped[0] ^= 1;

        for other in [row(2), other_tenant, other_bytes] {
            assert!(!holds(&cache, &other, NOW), "{other:?}");
        }
        assert!(holds(&cache, &row(1), NOW));
    }

    #[test]
    fn the_cache_is_bounded_and_the_oldest_leaves_first() {
        let cache = SeedCache::keeping(KEPT_MS);

        for number in 0..=SEEDS_MAX {
            cache.keep(&row(number), &seed(1), NOW);
            cache.keep(&row(number), &seed(2), NOW);
        }

        assert!(!holds(&cache, &row(0), NOW));
        assert!(holds(&cache, &row(1), NOW) && holds(&cache, &row(SEEDS_MAX), NOW));
        let seeds = cache.lock();
        assert_eq!((seeds.by_id.len(), seeds.by_age.len()), (SEEDS_MAX, SEEDS_MAX));
    }

    #[test]
    fn forgetting_a_customer_leaves_the_others() {
        let cache = SeedCache::keeping(KEPT_MS);
        for number in 0..4 {
            cache.keep(&row(number), &seed(1), NOW);
        }

        cache.forget(&row(0).tenant, &row(0).customer);

        assert_eq!([0, 1, 2, 3].map(|number| holds(&cache, &row(number), NOW)), [false, true, false, true]);
        assert_eq!(cache.lock().by_age.len(), 2);
    }
}
