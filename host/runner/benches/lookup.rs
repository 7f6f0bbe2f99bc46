//! Measures look-ups, natively and in the component, by batch size and kind of value. `make bench`
//! runs `cargo bench --workspace --bench lookup -- DOMAINS ADDRESSES` with two lists of one value
//! per line. It prints one JSON object per line: the median over rounds in nanoseconds per
//! observable.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a bench prints, and may end at the first fault"
)]

use std::hint::black_box;
use std::sync::{Arc, Barrier};
use std::time::Instant;

use threatsieve_blacklist::{
    Batch, Blacklist, CompileOptions, Compiler, GuestBlacklist, Indicator, IndicatorId, Kind,
    Scratch, UrlMode, Value,
};
use threatsieve_runner::{MemoryFile, Runner, RunnerOptions};

/// The number of rounds of which the median is taken.
const ROUNDS: usize = 9;
/// The number of observables in a set.
const OBSERVABLES: usize = 65_536;

/// A small generator (xorshift64*), so that every run looks up the same values.
struct Random(u64);

impl Random {
    fn next(&mut self, below: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % below
    }

    fn word(&mut self) -> String {
        let length = 4 + self.next(9);
        (0..length).map(|_| char::from(b'a' + self.next(26) as u8)).collect()
    }
}

/// Observables of one kind, with a name.
struct Set {
    name: &'static str,
    kind: Kind,
    values: Vec<String>,
}

fn compile(lists: &[&Vec<String>]) -> (Arc<Blacklist<MemoryFile>>, f64) {
    let start = Instant::now();
    let mut compiler = Compiler::new(CompileOptions::default()).unwrap();
    let feed = compiler.feed("bench").unwrap();
    for (line, text) in (1..).zip(lists.iter().flat_map(|list| list.iter())) {
        let Ok(value) = Value::from_list(text, UrlMode::Exact) else { continue };
        let indicator = Indicator::new(IndicatorId::Line(line), vec![value]);
        compiler.block(feed, indicator, &mut |_| {}).unwrap();
    }
    let bytes = compiler.finish().unwrap().into_bytes();
    let seconds = start.elapsed().as_secs_f64();
    let file = MemoryFile::copy_of(&bytes).unwrap();
    (Arc::new(Blacklist::open(file, None).unwrap()), seconds)
}

fn sets(domains: &[String], addresses: &[String], guest: &GuestBlacklist<'_>) -> Vec<Set> {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    let tlds = ["com", "org", "net", "io", "co.uk", "ru", "xyz", "de", "info", "com.br"];
    let mut take = |make: &mut dyn FnMut(&mut Random) -> String| {
        (0..OBSERVABLES).map(|_| make(&mut random)).collect()
    };
    let any = |random: &mut Random, from: &[String]| from[random.next(from.len())].clone();
    let miss = |random: &mut Random| {
        let (host, tld) =
            (["www", "api", "cdn", "mail"][random.next(4)], tlds[random.next(tlds.len())]);
        format!("{host}.{}.{tld}", random.word())
    };
    // The longest walks: the deepest names, with a changed first label that passes the filter.
    let mut deepest: Vec<&String> = domains.iter().filter(|name| name.len() <= 240).collect();
    deepest.sort_by_key(|name| std::cmp::Reverse(name.len()));
    deepest.truncate(512);
    let adversary = |random: &mut Random| loop {
        let name = deepest[random.next(deepest.len())];
        let (label, rest) = name.split_once('.').unwrap();
        let tried = format!("{}{}.{rest}", &label[..label.len() - 1], random.word());
        if guest.passes_filter(tried.as_bytes()) {
            break tried;
        }
    };
    let near_address = |random: &mut Random| {
        let listed = any(random, addresses);
        let network = listed.rsplit_once('.').map_or("1.2.3", |(network, _)| network);
        format!("{network}.{}", random.next(256))
    };
    vec![
        Set { name: "host, miss", kind: Kind::Host, values: take(&mut { miss }) },
        Set {
            name: "URL, miss",
            kind: Kind::Url,
            values: take(&mut |r| format!("http://{}/a/page.html?", miss(r))),
        },
        Set {
            name: "host, near miss",
            kind: Kind::Host,
            values: take(&mut |r| format!("not{}", any(r, domains))),
        },
        Set {
            name: "host, hit",
            kind: Kind::Host,
            values: take(&mut |r| format!("www.{}", any(r, domains))),
        },
        Set { name: "host, adversary", kind: Kind::Host, values: take(&mut { adversary }) },
        Set {
            name: "address, miss",
            kind: Kind::Address,
            values: take(&mut |r| {
                std::net::Ipv4Addr::from((r.next(1 << 31) as u32) << 1).to_string()
            }),
        },
        Set { name: "address, same /24", kind: Kind::Address, values: take(&mut { near_address }) },
        Set { name: "address, hit", kind: Kind::Address, values: take(&mut |r| any(r, addresses)) },
    ]
}

fn batches(set: &Set, size: usize) -> Vec<Batch> {
    let batch = |values: &[String]| {
        let mut batch = Batch::new();
        values.iter().for_each(|value| assert!(batch.push(set.kind, value.as_bytes())));
        batch
    };
    set.values.chunks(size).map(batch).collect()
}

/// Returns the median in nanoseconds per observable, and the hits of one round.
fn measure(batches: &[Batch], mut check: impl FnMut(&Batch) -> usize) -> (f64, usize) {
    let observables: usize = batches.iter().map(Batch::len).sum();
    let mut rounds = Vec::new();
    let mut hits = 0;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        hits = batches.iter().map(&mut check).sum();
        rounds.push(start.elapsed().as_nanos() as f64 / observables as f64);
    }
    rounds.sort_by(f64::total_cmp);
    (rounds[ROUNDS / 2], hits)
}

fn runner(signal_traps: bool, instances: usize) -> Runner {
    Runner::new(RunnerOptions { signal_traps, instances, ..RunnerOptions::default() }).unwrap()
}

fn private_kib() -> u64 {
    let rollup = std::fs::read_to_string("/proc/self/smaps_rollup").unwrap();
    let field = |name: &str| -> u64 {
        let line = rollup.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    field("Private_Dirty:")
}

fn lookups(blacklist: &Arc<Blacklist<MemoryFile>>, domains: &[String], addresses: &[String]) {
    let guest = GuestBlacklist::new(blacklist.guest_image()).unwrap();
    let signals = runner(true, 1);
    let quiet = runner(false, 1);
    signals.load(blacklist.clone()).unwrap();
    quiet.load(blacklist.clone()).unwrap();
    for set in sets(domains, addresses, &guest) {
        for size in [1, 64, 1024] {
            let batches = batches(&set, size);
            let (mut scratch, mut hits) = (Scratch::default(), Vec::new());
            let (native, found) = measure(&batches, |batch| {
                hits.clear();
                guest.check(black_box(batch.as_bytes()), &mut scratch, &mut hits).unwrap();
                hits.len()
            });
            let (with, same) = measure(&batches, |batch| signals.check(batch).unwrap().hits.len());
            let (without, _) = measure(&batches, |batch| quiet.check(batch).unwrap().hits.len());
            assert_eq!(found, same, "native and component answers differ");
            println!(
                "{{\"set\":\"{}\",\"batch\":{size},\"native_ns\":{native:.1},\"component_ns\":{with:.1},\"component_without_signals_ns\":{without:.1},\"hits\":{found}}}",
                set.name
            );
        }
    }
}

fn instances(blacklist: &Arc<Blacklist<MemoryFile>>) {
    let pooled = runner(true, 17);
    pooled.load(blacklist.clone()).unwrap();
    let mut batch = Batch::new();
    batch.push(Kind::Host, b"www.example.org");
    let unpooled = runner(true, 0);
    unpooled.load(blacklist.clone()).unwrap();
    let one = [batch.clone()];
    let fresh = (0..50)
        .map(|_| measure(&one, |batch| unpooled.check(batch).unwrap().hits.len()).0)
        .fold(f64::MAX, f64::min);
    // All threads hold an instance at the same time.
    let together = |count: usize| {
        let barrier = Barrier::new(count);
        std::thread::scope(|scope| {
            for _ in 0..count {
                scope.spawn(|| {
                    barrier.wait();
                    (0..200).for_each(|_| drop(pooled.check(&batch).unwrap()));
                });
            }
        });
    };
    together(1);
    let before = private_kib();
    together(17);
    let after = private_kib();
    println!(
        "{{\"instance_and_call_us\":{:.1},\"private_kib_of_16_more\":{}}}",
        fresh / 1e3,
        after.saturating_sub(before)
    );
}

fn main() {
    // `cargo bench` adds `--bench`.
    let mut lists =
        std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).map(|path| {
            let text =
                std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
            text.lines().map(str::to_owned).collect::<Vec<String>>()
        });
    let (Some(domains), Some(addresses)) = (lists.next(), lists.next()) else {
        println!("usage: lookup DOMAINS ADDRESSES");
        return;
    };
    let (blacklist, build_s) = compile(&[&domains, &addresses]);
    println!(
        "{{\"domains\":{},\"addresses\":{},\"build_s\":{build_s:.2},\"guest_bytes\":{},\"file_bytes\":{}}}",
        domains.len(),
        addresses.len(),
        blacklist.guest_image().len(),
        blacklist.file_bytes()
    );
    lookups(&blacklist, &domains, &addresses);
    instances(&blacklist);
}
