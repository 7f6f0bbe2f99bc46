//! Limits on connections and requests, in total and from one address.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Maximum number of addresses that are counted one by one. More are counted as one.
const MAX_ADDRESSES: usize = 4096;
/// Address of those that are not counted one by one.
const OTHERS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED);
const MINUTE: Duration = Duration::from_secs(60);

/// The counts of all addresses.
#[derive(Debug, Default)]
pub(super) struct Limits(Mutex<Counts>);

#[derive(Debug, Default)]
struct Counts {
    connections: usize,
    addresses: HashMap<IpAddr, Address>,
}

#[derive(Debug)]
struct Address {
    connections: usize,
    /// Requests that count, less those that time has paid for.
    requests: f64,
    counted: Instant,
}

impl Address {
    /// Lets time pay for requests.
    fn pay(&mut self, max_requests: u32, now: Instant) {
        let share = now.duration_since(self.counted).as_secs_f64() / MINUTE.as_secs_f64();
        self.requests = (self.requests - share * f64::from(max_requests)).max(0.0);
        self.counted = now;
    }
}

/// A connection that is counted until it is dropped.
pub(super) struct Connected {
    limits: Arc<Limits>,
    address: IpAddr,
}

impl Limits {
    /// Counts a new connection; returns `None` if it is one too many. One address gets a quarter of
    /// all connections, so that it cannot keep others out.
    pub(super) fn connect(self: &Arc<Limits>, address: IpAddr, max: usize) -> Option<Connected> {
        let mut counts = self.counts();
        if counts.connections >= max {
            return None;
        }
        let address = counts.place(address);
        let one = counts.address(address);
        if one.connections >= (max / 4).max(1) {
            return None;
        }
        one.connections += 1;
        counts.connections += 1;
        Some(Connected { limits: Arc::clone(self), address })
    }

    /// Counts a request; returns the wait for the next one if it is one too many.
    pub(super) fn request(
        &self,
        address: IpAddr,
        max_requests: u32,
        now: Instant,
    ) -> Result<(), Duration> {
        let mut counts = self.counts();
        let address = counts.place(address);
        let one = counts.address(address);
        one.pay(max_requests, now);
        if one.requests + 1.0 > f64::from(max_requests) {
            let missing = one.requests + 1.0 - f64::from(max_requests);
            return Err(MINUTE.mul_f64(missing / f64::from(max_requests)));
        }
        one.requests += 1.0;
        Ok(())
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Counts {
    /// Returns the address under which one is counted.
    fn place(&mut self, address: IpAddr) -> IpAddr {
        if self.addresses.contains_key(&address) {
            return address;
        }
        if self.addresses.len() >= MAX_ADDRESSES {
            let now = Instant::now();
            self.addresses
                .retain(|_, one| one.connections > 0 || now.duration_since(one.counted) < MINUTE);
        }
        if self.addresses.len() >= MAX_ADDRESSES { OTHERS } else { address }
    }

    fn address(&mut self, address: IpAddr) -> &mut Address {
        let new = || Address { connections: 0, requests: 0.0, counted: Instant::now() };
        self.addresses.entry(address).or_insert_with(new)
    }
}

impl Drop for Connected {
    fn drop(&mut self) {
        let mut counts = self.limits.counts();
        counts.connections -= 1;
        counts.address(self.address).connections -= 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8) -> IpAddr {
        [192, 0, 2, last].into()
    }

    #[test]
    fn one_address_gets_a_quarter_of_the_connections() {
        let limits = Arc::new(Limits::default());
        let mut held: Vec<Connected> =
            (0..2).filter_map(|_| limits.connect(address(1), 8)).collect();
        assert_eq!(held.len(), 2);
        assert!(limits.connect(address(1), 8).is_none());
        held.extend((2..9).filter_map(|last| limits.connect(address(last), 8)));
        assert_eq!(held.len(), 8, "no more than all");
        held.clear();
        assert!(limits.connect(address(1), 8).is_some());
    }

    #[test]
    fn requests_are_paid_for_by_time() {
        let limits = Limits::default();
        let start = Instant::now();
        for _ in 0..60 {
            limits.request(address(1), 60, start).unwrap();
        }
        let wait = limits.request(address(1), 60, start).unwrap_err();
        assert!(wait > Duration::ZERO && wait <= Duration::from_secs(1), "{wait:?}");
        limits.request(address(2), 60, start).unwrap();
        let later = start + Duration::from_millis(1100);
        limits.request(address(1), 60, later).unwrap();
        assert!(limits.request(address(1), 60, later).is_err());
    }

    #[test]
    fn many_addresses_take_no_more_memory() {
        let limits = Limits::default();
        let now = Instant::now();
        for number in 0..3 * MAX_ADDRESSES as u32 {
            _ = limits.request(IpAddr::from(number.to_be_bytes()), 60, now);
        }
        assert!(limits.counts().addresses.len() <= MAX_ADDRESSES + 1);
    }
}
