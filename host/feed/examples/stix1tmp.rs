#![allow(missing_docs, clippy::print_stdout, clippy::unwrap_used)]
use threatsieve_feed::*;
fn main() {
    for file in std::env::args().skip(1) {
        let mut set = StixSet::new(StixLimits::default());
        let bytes = std::fs::read(&file).unwrap();
        let name = std::path::Path::new(&file);
        let name = format!(
            "{}/{}",
            name.parent().unwrap().file_name().unwrap().to_string_lossy(),
            name.file_name().unwrap().to_string_lossy()
        );
        let report = set.read_packages(0, &*bytes, PackageOptions::default());
        if let Err(e) = report {
            println!("{name}\terror\t{e}");
        }
        let rows = std::cell::RefCell::new(Vec::new());
        set.finish(
            &mut |_, i| {
                for v in &i.values {
                    rows.borrow_mut().push(format!("{name}\tvalue\t{v}"))
                }
            },
            &mut |u| {
                rows.borrow_mut().push(format!(
                    "{name}\t{}\t{}\t{}",
                    u.reason.kind(),
                    u.id,
                    u.pattern
                ))
            },
        );
        for r in rows.into_inner() {
            println!("{r}");
        }
    }
}
