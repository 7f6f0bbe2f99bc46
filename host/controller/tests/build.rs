//! Tests of `threatsieve build` and its files.

mod program;

use std::os::unix::fs::PermissionsExt;

use program::Folder;

/// The example of a private key in RFC 8410 section 10.3, and its public key in section 10.1.
const PRIVATE: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n-----END PRIVATE KEY-----\n";
const PUBLIC: &str = "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n-----END PUBLIC KEY-----\n";

fn listed() -> Folder {
    let folder = Folder::new();
    folder.write(
        "l.txt",
        "evil.com\n1.1.1.0/24\n10.0.0.0/8\nnot a value at all\nco.uk\nd41d8cd98f00b204e9800998ecf8427e\n",
    );
    folder
}

#[test]
fn it_tells_what_it_made_and_what_it_refused() {
    let folder = listed();
    let done = folder
        .run("build --list l.txt --rejected r.tsv --name office --generation 7 -o b")
        .expect(0);
    for part in [
        "office",
        "generation 7",
        "domain-name",
        "ipv4-addr",
        "file",
        "special-purpose",
        "1 public suffix",
        "co.uk",
    ] {
        assert!(done.out.contains(part), "{part}: {}", done.out);
    }
    let rejected = std::fs::read_to_string(folder.path("r.tsv")).unwrap();
    let rows: Vec<Vec<&str>> = rejected.lines().map(|row| row.split('\t').collect()).collect();
    assert_eq!(rows[0], ["feed", "id", "value", "reason"]);
    assert_eq!((rows.len(), &rows[1][..3]), (3, &["l.txt", "3", "10.0.0.0/8"][..]), "{rejected}");
    assert_eq!(&rows[2][..3], ["l.txt", "4", "not a value at all"]);
    let json = folder.run("build --json --list l.txt -o b").expect(0).json().remove(0);
    assert_eq!(json["entries"]["domain-name"], 2);
    assert_eq!(json["bytes"]["file"], std::fs::metadata(folder.path("b")).unwrap().len());
}

#[test]
fn what_is_refused_is_shown_as_listed() {
    let folder = Folder::new();
    folder.write("l.txt", "10[.]0[.]0.1 # ours\nevil.com\n");
    folder.write("l.csv", "value,name\nevil.org,\"a quote\n10.9.9[.]9,\"x\"\nevil.net\n");
    folder.run("build --list l.txt --list l.csv --rejected r.tsv -o b").expect(0);
    let rejected = std::fs::read_to_string(folder.path("r.tsv")).unwrap();
    let rows: Vec<Vec<&str>> =
        rejected.lines().skip(1).map(|row| row.split('\t').take(3).collect()).collect();
    assert_eq!(
        rows,
        [
            ["l.txt", "1", "10[.]0[.]0.1"],
            ["l.csv", "2", "evil.org,\"a quote"],
            ["l.csv", "3", "10.9.9[.]9"]
        ],
        "{rejected}"
    );
    let done = folder.run("explain --list l.txt 10.0.0.1").expect(0);
    assert!(done.out.contains("l.txt:1 lists 10[.]0[.]0.1, which was rejected"), "{}", done.out);
}

#[test]
fn same_inputs_same_bytes_and_another_generation_others() {
    let folder = listed();
    let bytes = |name: &str, rest: &str| {
        folder.run(&format!("build --list l.txt {rest} -o {name}")).expect(0);
        std::fs::read(folder.path(name)).unwrap()
    };
    assert_eq!(bytes("a", ""), bytes("b", ""));
    assert_ne!(bytes("a", ""), bytes("b", "--generation 2"));
}

#[test]
fn a_failed_build_leaves_everything_as_it_was() {
    let folder = listed();
    folder.write("b", "before");
    folder.write("cut.json", r#"{"type": "bundle", "objects": [{"type"#);
    folder.write("d/x", "");
    let before = folder.names();
    folder.run("build --feed cut.json -o b").expect(4);
    folder.run("build --list l.txt -o no/such/b").expect(2);
    folder.run("build --list l.txt -o l.txt").expect(2);
    folder.run("build --list l.txt --name UPPER -o b").expect(2);
    folder.run("build -o b").expect(2);
    assert_eq!(std::fs::read(folder.path("b")).unwrap(), b"before");
    assert_eq!(folder.names(), before);
}

#[test]
fn an_empty_blacklist_is_built_with_a_warning() {
    let folder = Folder::new();
    folder.write("l.txt", "10.0.0.1\n");
    let done = folder.run("build --list l.txt -o b").expect(0);
    assert!(done.err.contains("empty"), "{}", done.err);
    assert_eq!(
        folder
            .run_with("scan --count --log-format lines --blacklist b", b"10.0.0.1\n")
            .expect(0)
            .out,
        "0\n"
    );
}

#[test]
fn signatures_are_made_and_demanded() {
    let folder = listed();
    let key = folder.write("key.pem", PRIVATE);
    folder.write("key.pub", PUBLIC);
    std::fs::set_permissions(&key, PermissionsExt::from_mode(0o644)).unwrap();
    let done = folder.run("build --list l.txt --sign-key key.pem -o signed").expect(0);
    assert!(done.err.contains("others can read") && done.err.contains("chmod 600"), "{}", done.err);
    std::fs::set_permissions(&key, PermissionsExt::from_mode(0o600)).unwrap();
    assert_eq!(folder.run("build --list l.txt --sign-key key.pem -o signed").expect(0).err, "");
    folder.run("build --list l.txt -o plain").expect(0);
    let scan = |name: &str| {
        folder.run_with(
            &format!("scan --count --log-format lines --verify-key key.pub --blacklist {name} -"),
            b"evil.com\n",
        )
    };
    assert_eq!(scan("signed").expect(0).out, "1\n");
    let refused = scan("plain").expect(4);
    assert!(refused.err.contains("plain") && refused.err.contains("not signed"), "{}", refused.err);
    folder.run("build --list l.txt --sign-key key.pub -o b").expect(2);
}

#[test]
fn a_damaged_blacklist_is_refused() {
    let folder = listed();
    folder.run("build --list l.txt -o b").expect(0);
    let whole = std::fs::read(folder.path("b")).unwrap();
    let mut altered = whole.clone();
    *altered.last_mut().unwrap() ^= 1;
    for content in [&whole[..whole.len() - 1], &altered, b"evil.com\n", b""] {
        folder.write("b", content);
        let done = folder.run_with("scan --blacklist b -", b"evil.com\n").expect(4);
        assert!(done.err.contains("b: ") && done.out.is_empty(), "{}", done.err);
    }
}
