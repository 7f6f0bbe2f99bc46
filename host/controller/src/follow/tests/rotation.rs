//! Tests of each thing that can happen to a log file.

use std::fs::{self, File};

use super::world::{EVIL, NOW, World, gzip, indicator, request, requests, touch};

#[test]
fn new_lines_are_matched_once_and_nothing_new_loads_nothing() {
    let mut world = World::new();
    world.append("access.log", &requests(EVIL, 0..3));
    let report = world.follow();
    assert_eq!(
        (report.new_files, report.read, report.counts.lines, report.counts.events),
        (1, 1, 3, 3)
    );
    assert_eq!(world.flagged().len(), 3);
    world.follow_idle();
    world.follow_idle();
    world.append("access.log", &(requests("good.example", 3..4) + &requests(EVIL, 4..5)));
    let report = world.follow();
    assert_eq!((report.new_files, report.counts.lines, report.counts.events), (0, 2, 1));
    assert_eq!(world.flagged(), [request(EVIL, 4)]);
    let record = world.records().pop().unwrap();
    assert_eq!(
        record["log"]["offset"],
        requests(EVIL, 0..3).len() + requests("good.example", 3..4).len()
    );
    let line: i64 = world
        .store
        .connection()
        .query_row("SELECT max(line) FROM events", [], |row| row.get(0))
        .unwrap();
    assert_eq!(line, 5);
}

#[test]
fn a_renamed_log_goes_on_where_it_was() {
    let mut world = World::new();
    world.append("access.log", &requests(EVIL, 0..3));
    world.follow();
    world.append("access.log", &requests(EVIL, 3..4));
    world.rename("access.log", "access.log.1");
    world.append("access.log", &requests(EVIL, 10..11));
    // The program continues to write to the file that it opened.
    world.append("access.log.1", &requests(EVIL, 4..5));
    world.flagged();
    let report = world.follow();
    assert_eq!((report.new_files, report.counts.events), (1, 3));
    world.rename("access.log.1", "access.log.2");
    world.rename("access.log", "access.log.1");
    world.follow();
    assert_eq!(world.flagged().len(), 3);
    world.follow_idle();
}

#[test]
fn a_copied_and_truncated_log_goes_on_in_the_copy() {
    let mut world = World::new();
    world.append("access.log", &requests(EVIL, 0..200));
    world.follow();
    assert_eq!(world.flagged().len(), 200);
    world.append("access.log", &requests(EVIL, 200..203));
    world.copy_truncate("access.log", "access.log.1");
    world.append("access.log", &requests(EVIL, 300..301));
    assert_eq!(world.follow().counts.events, 4);
    let mut flagged = world.flagged();
    flagged.sort();
    let mut wanted: Vec<_> =
        (200..203).chain(300..301).map(|number| request(EVIL, number)).collect();
    wanted.sort();
    assert_eq!(flagged, wanted);
}

#[test]
fn while_a_copy_and_its_original_are_both_there_one_of_them_counts() {
    let mut world = World::new();
    world.append("access.log", &requests(EVIL, 0..200));
    world.append("access.log.small", &requests(EVIL, 1000..1002));
    world.follow();
    world.flagged();
    for name in ["access.log", "access.log.small"] {
        fs::copy(world.log(name), world.log(&format!("{name}.copy"))).unwrap();
    }
    let report = world.follow_idle();
    assert_eq!((report.copies, report.new_files), (2, 0));
    fs::remove_file(world.log("access.log")).unwrap();
    world.follow_idle();
    world.append("access.log.copy", &requests(EVIL, 200..201));
    world.follow();
    assert_eq!(world.flagged(), [request(EVIL, 200)]);
}

#[test]
fn a_file_has_a_better_right_than_a_copy_under_its_old_name() {
    let mut world = World::new();
    world.append("access.log", &requests(EVIL, 0..200));
    world.follow();
    world.flagged();
    world.rename("access.log", "access.log.1");
    fs::copy(world.log("access.log.1"), world.log("access.log")).unwrap();
    world.append("access.log.1", &requests(EVIL, 200..201));
    assert_eq!(world.follow().copies, 1);
    assert_eq!(world.flagged(), [request(EVIL, 200)]);
}

#[test]
fn compressing_a_log_repeats_nothing() {
    let mut world = World::new();
    // Files larger and smaller than the head.
    for (name, count) in [("access.log.1", 500), ("access.log.2", 2)] {
        world.append(name, &requests(EVIL, 0..count).replace("10.1.2.3", name));
    }
    world.follow();
    assert_eq!(world.flagged().len(), 502);
    for name in ["access.log.1", "access.log.2"] {
        world.gzip(name);
    }
    let report = world.follow_idle();
    assert_eq!((report.new_files, report.copies, report.gone), (0, 0, 0));
    world.follow_idle();
    // Lines that were not matched before the compression are matched.
    let text = requests(EVIL, 0..600).replace("10.1.2.3", "access.log.1");
    fs::write(world.log("access.log.1.gz"), gzip(text.as_bytes())).unwrap();
    world.wait();
    assert_eq!(world.follow().counts.events, 100);
}

#[test]
fn a_log_that_is_being_compressed_is_waited_for() {
    let mut world = World::new();
    world.append("access.log.1", &requests(EVIL, 0..5000));
    world.follow();
    world.flagged();
    let packed = gzip(&fs::read(world.log("access.log.1")).unwrap());
    fs::write(world.log("access.log.1.gz"), &packed[..packed.len() / 2]).unwrap();
    touch(&world.log("access.log.1.gz"), NOW);
    let report = world.follow_idle();
    assert_eq!(report.new_files, 0);
    assert!(report.troubles.is_empty());
    fs::remove_file(world.log("access.log.1")).unwrap();
    let report = world.follow_idle();
    assert_eq!(report.waiting, 1);
    assert!(report.troubles.is_empty());
    fs::write(world.log("access.log.1.gz"), &packed).unwrap();
    let report = world.follow_idle();
    assert!(report.troubles.is_empty());
}

#[test]
fn a_packed_log_that_is_still_being_copied_is_read_as_it_comes() {
    let mut world = World::new();
    let packed = gzip(requests(EVIL, 0..20_000).as_bytes());
    let path = world.log("access.log.1.gz");
    let mut flagged = Vec::new();
    for share in [1, 2, 3] {
        fs::write(&path, &packed[..packed.len() * share / 4]).unwrap();
        touch(&path, NOW);
        let report = world.follow();
        assert_eq!((report.waiting, report.troubles.len()), (1, 0));
        flagged.extend(world.flagged());
        assert_eq!(world.follow_idle().waiting, 1);
    }
    fs::write(&path, &packed).unwrap();
    touch(&path, NOW);
    world.follow();
    flagged.extend(world.flagged());
    flagged.sort();
    let mut wanted: Vec<_> = (0..20_000).map(|number| request(EVIL, number)).collect();
    wanted.sort();
    // A line that was cut within the matching value was flagged as it was, and is not flagged
    // again.
    let whole = flagged.iter().filter(|line| wanted.binary_search(line).is_ok()).count();
    assert!(flagged.len() == 20_000 && whole >= 19_997, "{} {whole}", flagged.len());
}

#[test]
fn a_truncated_log_with_other_content_is_another_one() {
    let mut world = World::new();
    world.append("access.log", &requests(EVIL, 0..3));
    world.follow();
    world.flagged();
    File::options().write(true).open(world.log("access.log")).unwrap().set_len(0).unwrap();
    world.follow_idle();
    world.append("access.log", &requests(EVIL, 5..6));
    assert_eq!(world.follow().new_files, 1);
    assert_eq!(world.flagged(), [request(EVIL, 5)]);
}

#[test]
fn events_of_logs_that_begin_alike_have_names_of_their_own() {
    let mut world = World::new();
    for name in ["access.log", "access.log.other"] {
        world.append(name, &requests(EVIL, 0..1));
    }
    world.follow();
    world.append("access.log", &requests(EVIL, 1..2));
    world.append("access.log.other", &requests(EVIL, 2..3));
    world.follow();
    assert_eq!(world.flagged().len(), 4);
    let sql = "SELECT count(DISTINCT uid) FROM events";
    let uids: i64 = world.store.connection().query_row(sql, [], |row| row.get(0)).unwrap();
    assert_eq!(uids, 4);
}

#[test]
fn a_log_is_known_by_more_as_it_grows() {
    let mut world = World::new();
    world.append("access.log", &requests(EVIL, 0..1));
    world.follow();
    world.append("access.log", &requests(EVIL, 1..100));
    world.follow();
    world.flagged();
    fs::remove_file(world.log("access.log")).unwrap();
    // It begins with everything that the other file had at first.
    world.append("access.log.7", &(requests(EVIL, 0..1) + &requests(EVIL, 500..700)));
    assert_eq!(world.follow().new_files, 1);
    assert_eq!(world.flagged().len(), 201);
}

#[test]
fn a_log_that_lost_its_end_goes_on_from_there() {
    let mut world = World::new();
    world.append("access.log", &requests(EVIL, 0..300));
    world.follow();
    assert_eq!(world.flagged().len(), 300);
    let kept = requests(EVIL, 0..100).len() as u64;
    File::options().write(true).open(world.log("access.log")).unwrap().set_len(kept).unwrap();
    // The rest is matched again, as the same events.
    let report = world.follow();
    assert_eq!((report.truncated, report.counts.lines, report.counts.events), (1, 100, 0));
    assert_eq!(world.flagged(), [""; 0]);
    assert_eq!(world.follow_idle().truncated, 0);
    // Another line now has the offset of a flagged line.
    world.append("access.log", &requests(EVIL, 500..502));
    world.follow();
    assert_eq!(world.flagged(), [request(EVIL, 500), request(EVIL, 501)]);
    let (line, uids): (i64, i64) = world
        .store
        .connection()
        .query_row(
            "SELECT max(line), count(DISTINCT uid) FROM events WHERE raw LIKE '%/50_ %'",
            [],
            |row| Ok((row.get(0)?, row.get(1)?)),
        )
        .unwrap();
    assert_eq!((line, uids), (102, 2));
}

#[test]
fn a_last_line_waits_for_its_end_or_for_the_file_to_be_finished() {
    let mut world = World::new();
    let line = request(EVIL, 7);
    world.append("access.log", &(requests("good.example", 0..1) + &line[..60]));
    assert_eq!(world.follow().counts.lines, 1);
    assert_eq!(world.follow_idle().waiting, 1);
    world.append("access.log", &line[60..]);
    assert_eq!(world.follow_idle().waiting, 1);
    // The file is not written to any more.
    world.wait();
    world.follow();
    assert_eq!(world.flagged(), std::slice::from_ref(&line));
    world.follow_idle();
    // Then it is written to again: the same event, and the line after it.
    world.append("access.log", &format!("\n{}", requests(EVIL, 8..9)));
    world.follow();
    assert_eq!(world.flagged(), [request(EVIL, 8)]);
    assert_eq!(world.records().len(), 2);
    world.follow_idle();
}

#[test]
fn a_last_line_that_was_matched_without_its_end_is_not_new_once_it_is_packed() {
    let mut world = World::new();
    world.append("access.log.1", &(requests("good.example", 0..1) + &request(EVIL, 7)));
    world.wait();
    world.follow();
    assert_eq!(world.flagged(), [request(EVIL, 7)]);
    world.gzip("access.log.1");
    world.follow_idle();
}

#[test]
fn a_packed_log_needs_no_last_line_end() {
    let mut world = World::new();
    fs::write(world.log("access.log.gz"), gzip(request(EVIL, 1).as_bytes())).unwrap();
    touch(&world.log("access.log.gz"), NOW);
    world.follow();
    assert_eq!(world.flagged(), [request(EVIL, 1)]);
    world.follow_idle();
}

#[test]
fn late_logs_are_matched_and_logs_from_before_the_window_passed_over() {
    let mut world = World::new();
    world.append("access.log", &requests(EVIL, 0..1));
    world.follow();
    world.append("access.log.9", &requests(EVIL, 9..10));
    touch(&world.log("access.log.9"), NOW - 20 * 24 * 3600);
    world.append("access.log.old", &requests(EVIL, 11..12));
    touch(&world.log("access.log.old"), NOW - 40 * 24 * 3600);
    world.flagged();
    let report = world.follow();
    assert_eq!((report.new_files, report.passed_over), (2, 1));
    assert_eq!(world.flagged(), [request(EVIL, 9)]);
    world.follow_idle();
    // After a write the file is not old any more, but an event before the window does not match.
    let old =
        request(EVIL, 13).replace(&(NOW - 1000).to_string(), &(NOW - 31 * 24 * 3600).to_string());
    world.append("access.log.old", &(old + "\n" + &requests(EVIL, 14..15)));
    world.follow();
    assert_eq!(world.flagged(), [request(EVIL, 11), request(EVIL, 14)]);
}

#[test]
fn logs_with_nothing_but_a_header_are_waited_for_and_the_header_is_kept() {
    let mut world = World::new();
    let header = "#separator \\x09\n#set_separator\t,\n#fields\tts\tquery\n#types\ttime\tstring\n";
    world.append("access.log", header);
    world.append("access.log.1", header);
    let report = world.follow_idle();
    assert_eq!((report.new_files, report.waiting), (0, 2));
    world.append("access.log", &format!("{}.0\tgood.example\n", NOW - 5));
    world.append("access.log.1", &format!("{}.0\tevil.example\n", NOW - 4));
    world.follow();
    assert_eq!(world.flagged(), [format!("{}.0\tevil.example", NOW - 4)]);
    // The file is continued without its first lines.
    world.append("access.log", &format!("{}.5\twww.evil.example\n", NOW - 3));
    world.follow();
    assert_eq!(world.flagged(), [format!("{}.5\twww.evil.example", NOW - 3)]);
    // Its columns change.
    world.append("access.log", &format!("#fields\tquery\tts\nevil.example\t{}.7\n", NOW - 2));
    world.follow();
    world.append("access.log", &format!("a.evil.example\t{}.8\n", NOW - 1));
    world.follow();
    assert_eq!(world.flagged().len(), 2);
}

#[test]
fn what_cannot_be_read_is_told_and_the_rest_goes_on() {
    let mut world = World::new();
    world.append("access.log", &requests(EVIL, 0..1));
    let packed = gzip(requests(EVIL, 1..20_000).as_bytes());
    fs::write(world.log("access.log.damaged"), &packed[..packed.len() / 2]).unwrap();
    touch(&world.log("access.log.damaged"), NOW);
    fs::write(world.log("access.log.lz4"), b"\x04\"M\x18rest").unwrap();
    std::os::unix::fs::symlink("nowhere", world.log("access.log.link")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, world.log("access.log.pipe"), 0o600.into()).unwrap();
    world.wait();
    let report = world.follow();
    let troubles = |report: &super::super::FollowReport| {
        let all = report.troubles.iter();
        all.map(|trouble| {
            (trouble.path.rsplit('.').next().unwrap().to_owned(), trouble.what.clone())
        })
        .collect::<Vec<_>>()
    };
    let told = troubles(&report);
    assert_eq!(
        told.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(),
        ["damaged", "link", "lz4", "pipe"]
    );
    assert!(told[0].1.contains("damaged gzip data near byte"), "{told:?}");
    assert!(told[2].1.contains("compressed with lz4"), "{told:?}");
    let flagged = world.flagged();
    assert!(flagged.len() > 1000 && flagged.contains(&request(EVIL, 0)));
    // The trouble lasts and is not logged again until the file changes.
    let since = |world: &World| -> Vec<i64> {
        let mut all = world.store.connection().prepare("SELECT since FROM log_troubles").unwrap();
        all.query_map([], |row| row.get(0)).unwrap().collect::<Result<_, _>>().unwrap()
    };
    let before = since(&world);
    world.wait();
    assert_eq!(troubles(&world.follow_idle()), told);
    assert_eq!(since(&world), before);
    fs::remove_file(world.log("access.log.lz4")).unwrap();
    fs::write(world.log("access.log.damaged"), &packed).unwrap();
    touch(&world.log("access.log.damaged"), NOW + 1);
    world.wait();
    let report = world.follow();
    assert_eq!(report.troubles.len(), 2);
    let again = world.flagged();
    assert_eq!(again.len() + flagged.len(), 20_000);
}

#[test]
fn logs_that_are_gone_are_counted_once_and_known_when_they_come_back() {
    let mut world = World::new();
    world.append("access.log.1", &requests(EVIL, 0..2));
    world.append("access.log", &requests(EVIL, 5..6));
    world.follow();
    world.flagged();
    let elsewhere = world.folder.path().join("elsewhere");
    fs::rename(world.log("access.log.1"), &elsewhere).unwrap();
    assert_eq!(world.follow_idle().gone, 1);
    assert_eq!(world.follow_idle().gone, 0);
    fs::copy(&elsewhere, world.log("access.log.3")).unwrap();
    assert_eq!(world.follow_idle().new_files, 0);
    world.config.logs[0].paths.push(world.folder.path().join("missing").display().to_string());
    assert_eq!(world.follow_idle().troubles.len(), 1);
}

#[test]
fn without_a_blacklist_new_lines_are_kept() {
    let mut world = World::new();
    world.append("access.log", &requests(EVIL, 0..2));
    let report = super::super::follow_logs(
        &world.config,
        &mut world.store,
        |_| Ok(None),
        1,
        world.now,
        &world.stop,
    )
    .unwrap();
    assert!(report.without_blacklist);
    assert_eq!(world.follow().counts.events, 2);
}

#[test]
fn a_format_that_was_detected_on_one_odd_line_is_detected_again() {
    for first in ["example.net\n", "{}\n", "# nothing\nfree text\n"] {
        let mut world = World::new();
        world.append("access.log", first);
        world.follow();
        world.append("access.log", &requests(EVIL, 0..3));
        world.follow();
        assert_eq!(world.flagged().len(), 3, "{first:?}");
        let record = world.records().pop().unwrap();
        assert_eq!(record["url"]["original"], format!("http://{EVIL}/2"), "{first:?}");
    }
}

/// Lines that fill more than a head at the start of a file.
fn same_beginning() -> String {
    requests("good.example", 0..200)
}

#[test]
fn logs_that_begin_alike_are_logs_of_their_own() {
    let mut world = World::new();
    // The files are found together or one after the other; the second is longer, as long, or
    // shorter.
    let log = |number: u64, more: u64| same_beginning() + &requests(EVIL, number..number + more);
    world.append("access.log.1", &log(1000, 3));
    world.append("access.log.2", &log(2000, 3));
    assert_eq!(world.follow().copies, 0);
    assert_eq!(world.flagged().len(), 6);
    world.append("access.log.3", &log(3000, 1));
    world.append("access.log.4", &log(4000, 9));
    assert_eq!(world.follow().copies, 0);
    assert_eq!(world.flagged().len(), 10);
    world.follow_idle();
    // After a rename and compression, each file continues where it was.
    for (from, to) in [("access.log.1", "access.log.8"), ("access.log.2", "access.log.9")] {
        world.rename(from, to);
        world.gzip(to);
    }
    let report = world.follow_idle();
    assert_eq!((report.new_files, report.copies, report.gone), (0, 0, 0));
    // The file is rewritten, longer and with the same beginning: another log under the old name.
    fs::write(world.log("access.log.4"), log(5000, 20)).unwrap();
    touch(&world.log("access.log.4"), NOW + 5);
    assert_eq!(world.follow().new_files, 1);
    assert_eq!(world.flagged().len(), 20);
}

#[test]
fn a_copy_is_compared_once_and_goes_on_when_it_grows_by_itself() {
    let mut world = World::new();
    world.append("access.log", &(same_beginning() + &requests(EVIL, 1000..1003)));
    world.follow();
    world.flagged();
    fs::copy(world.log("access.log"), world.log("access.log.copy")).unwrap();
    assert_eq!(world.follow_idle().copies, 1);
    assert_eq!(world.follow_idle().copies, 1);
    // Both files grow by the same lines, then by different ones.
    for name in ["access.log", "access.log.copy"] {
        world.append(name, &requests(EVIL, 1003..1005));
    }
    assert_eq!(world.follow().copies, 1);
    assert_eq!(world.flagged(), [request(EVIL, 1003), request(EVIL, 1004)]);
    world.append("access.log", &requests(EVIL, 1005..1006));
    world.append("access.log.copy", &requests(EVIL, 1006..1008));
    assert_eq!(world.follow().copies, 0);
    let mut flagged = world.flagged();
    flagged.sort();
    assert_eq!(flagged, (1005..1008).map(|number| request(EVIL, number)).collect::<Vec<_>>());
    world.follow_idle();
}

#[test]
fn a_hole_in_front_of_a_log_says_nothing_of_it() {
    let mut world = World::new();
    let hole = |bytes: usize, text: &str| [vec![0; bytes], text.as_bytes().to_vec()].concat();
    // Two logs that begin with the same zeros.
    for (name, number) in [("access.log.a", 0), ("access.log.b", 10)] {
        fs::write(world.log(name), hole(8192, &requests(EVIL, number..number + 2))).unwrap();
        touch(&world.log(name), NOW);
    }
    assert_eq!(world.follow().new_files, 2);
    assert_eq!(world.flagged().len(), 4);
    // A program continues at its old offset after copytruncate, twice. The copies contain lines
    // that were never matched.
    let mut world = World::new();
    world.append("access.log", &(requests("good.example", 0..200) + &requests(EVIL, 0..1)));
    world.follow();
    assert_eq!(world.flagged().len(), 1);
    let mut offset = fs::metadata(world.log("access.log")).unwrap().len();
    let mut number = 1;
    let write = |world: &World, offset: &mut u64, number: &mut u64, lines: u64| {
        use std::os::unix::fs::FileExt;
        let text = requests(EVIL, *number..*number + lines);
        let file = File::options().write(true).open(world.log("access.log")).unwrap();
        file.write_all_at(text.as_bytes(), *offset).unwrap();
        touch(&world.log("access.log"), NOW);
        (*offset, *number) = (*offset + text.len() as u64, *number + lines);
    };
    for rotation in 1..5 {
        write(&world, &mut offset, &mut number, 2);
        for older in (1..rotation).rev() {
            world.rename(&format!("access.log.{older}"), &format!("access.log.{}", older + 1));
        }
        world.copy_truncate("access.log", "access.log.1");
        write(&world, &mut offset, &mut number, 3);
        world.follow();
        assert_eq!(world.flagged().len(), 5, "{rotation}");
        write(&world, &mut offset, &mut number, 1);
        world.follow();
        assert_eq!(world.flagged().len(), 1, "{rotation}");
    }
    // Stored lines after the hole are found again, as the same events.
    world.list_more(&[indicator("indicator--1", EVIL)], 2);
    assert_eq!(world.history().counts.matches, 0);
}

#[test]
fn a_file_that_several_sources_name_is_read_once_and_a_renamed_source_repeats_nothing() {
    let mut world = World::new();
    let mut other = world.config.logs[0].clone();
    other.name = "other".into();
    world.config.logs.push(other);
    world.append("access.log", &requests(EVIL, 0..2));
    let report = world.follow();
    assert_eq!((report.files, report.shared, report.counts.events), (1, 1, 2));
    let shared = crate::follow::shared_logs(&world.config);
    assert!(shared[0].contains("got it in proxy and other; it is read as proxy's"), "{shared:?}");
    world.config.logs.remove(0);
    world.config.logs[0].name = "renamed".into();
    world.append("access.log", &requests(EVIL, 2..3));
    let report = world.follow();
    assert_eq!((report.new_files, report.gone, report.counts.events), (0, 0, 1));
    assert_eq!(world.flagged().len(), 3);
}

#[test]
fn a_source_that_is_removed_is_read_no_more_and_holds_up_nothing() {
    for is_rotated in [false, true] {
        let mut world = World::new();
        let mut other = world.config.logs[0].clone();
        other.name = "other".into();
        other.paths = vec![world.log("other.log*").display().to_string()];
        world.config.logs.push(other);
        world.append("access.log", &requests("later.example", 0..1));
        world.append("other.log", &requests("later.example", 1..2));
        world.follow();
        world.config.logs.pop();
        world.list_more(&[indicator("indicator--2", "later.example")], 2);
        if is_rotated {
            world.rename("other.log", "other.log.1");
            world.append("other.log", &requests("good.example", 7..8));
        }
        world.follow_idle();
        let report = world.history();
        assert_eq!((report.files, report.counts.events, report.missed), (1, 1, 1));
        assert_eq!(world.flagged(), [request("later.example", 0)]);
        world.list_more(&[indicator("indicator--3", "later.example")], 3);
        assert_eq!(world.history().counts.matches, 1);
    }
}

#[test]
fn a_name_that_is_no_utf_8_is_found_again() {
    use std::os::unix::ffi::OsStrExt;
    let mut world = World::new();
    let name = std::ffi::OsStr::from_bytes(b"access.log.caf\xe9");
    let path = world.folder.path().join("logs").join(name);
    fs::write(&path, requests("later.example", 0..1)).unwrap();
    touch(&path, NOW);
    world.follow();
    world.list_more(&[indicator("indicator--2", "later.example")], 2);
    world.follow_idle();
    let report = world.history();
    assert_eq!((report.files, report.missed, report.counts.events), (1, 0, 1));
}
