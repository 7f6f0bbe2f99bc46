//! Names of tags.

use threatsieve_blacklist::{Threat, ThreatKind, Tlp};

use crate::text::{MAX_TAG_CHARS, clean};

const TLP: &str = "tlp:";
const CONFIDENCE: &str = "misp:confidence-level=";

/// The tag of a TLP level, by the names of TLP 2.0.
pub fn tlp_tag(tlp: Tlp) -> String {
    format!("{TLP}{}", tlp.name().to_ascii_lowercase())
}

/// The TLP level of a tag. `tlp:white` is the old name of `tlp:clear`.
pub fn tag_tlp(tag: &str) -> Option<Tlp> {
    let tag = tag.trim().to_ascii_lowercase();
    Tlp::from_name(tag.strip_prefix(TLP)?)
}

/// The tag of a confidence, 0 to 100, by the scale that MISP's converter of STIX uses, too.
pub(crate) fn confidence_tag(confidence: u8) -> String {
    let level = match confidence {
        100.. => "completely-confident",
        75.. => "usually-confident",
        50.. => "fairly-confident",
        25.. => "rarely-confident",
        _ => "unconfident",
    };
    format!("{CONFIDENCE}\"{level}\"")
}

/// Returns whether a tag names a confidence. An attribute has one at most.
pub(crate) fn is_confidence(tag: &str) -> bool {
    tag.to_ascii_lowercase().starts_with(CONFIDENCE)
}

/// The tag of a threat: that of a galaxy where its id or kind says which, else its name. `None`
/// without a name that MISP can store.
pub(crate) fn threat_tag(threat: &Threat) -> Option<String> {
    let name = tag_text(&threat.name)?;
    let id = threat.id.as_deref().filter(|id| is_attack_id(id));
    let with_id = |galaxy: &str, id: &str| format!("misp-galaxy:{galaxy}=\"{name} - {id}\"");
    let tag = match (threat.kind, id) {
        (ThreatKind::Technique, Some(id)) if id.starts_with('T') => {
            with_id("mitre-attack-pattern", id)
        }
        // An `S` is malware or a tool in ATT&CK. Indicators mostly name malware.
        (ThreatKind::Software, Some(id)) if id.starts_with('S') => with_id("mitre-malware", id),
        (ThreatKind::Group, Some(id)) if id.starts_with('G') => with_id("mitre-intrusion-set", id),
        (ThreatKind::Group, _) => format!("misp-galaxy:threat-actor=\"{name}\""),
        (ThreatKind::Software | ThreatKind::Technique, _) => name,
    };
    Some(tag)
}

/// Returns a tag of the configuration as MISP stores it; `None` if nothing is left.
pub(crate) fn own_tag(text: &str) -> Option<String> {
    Some(clean(text, MAX_TAG_CHARS)).filter(|text| !text.is_empty())
}

/// Returns a name as part of a tag, with room for the galaxy and the id.
fn tag_text(text: &str) -> Option<String> {
    Some(clean(&text.replace('"', "'"), MAX_TAG_CHARS - 60)).filter(|text| !text.is_empty())
}

/// An id of ATT&CK: a letter, digits, and for a sub-technique a dot and digits.
fn is_attack_id(id: &str) -> bool {
    let digits = |text: &str| {
        (1..=6).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    let Some(rest) = id.strip_prefix(['T', 'S', 'G']) else { return false };
    match rest.split_once('.') {
        Some((main, sub)) => digits(main) && digits(sub),
        None => digits(rest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tlp_tags_are_read_as_written() {
        for tlp in Tlp::ALL {
            assert_eq!(tag_tlp(&tlp_tag(tlp)), Some(tlp));
        }
        assert_eq!(tlp_tag(Tlp::AmberStrict), "tlp:amber+strict");
        assert_eq!(tag_tlp("TLP:White"), Some(Tlp::Clear));
        assert_eq!(tag_tlp("tlp:ex:chr"), None);
        assert_eq!(tag_tlp("malware"), None);
    }

    #[test]
    fn threats_are_galaxies_where_it_is_clear_which() {
        use ThreatKind::{Group, Software, Technique};
        for (kind, name, id, want) in [
            (
                Technique,
                "Phishing",
                Some("T1566"),
                "misp-galaxy:mitre-attack-pattern=\"Phishing - T1566\"",
            ),
            (
                Technique,
                "Spearphishing Link",
                Some("T1566.002"),
                "misp-galaxy:mitre-attack-pattern=\"Spearphishing Link - T1566.002\"",
            ),
            (Technique, "Phishing", None, "Phishing"),
            (Software, "Emotet", Some("S0367"), "misp-galaxy:mitre-malware=\"Emotet - S0367\""),
            (Software, "Emotet", None, "Emotet"),
            (Group, "APT28", Some("G0007"), "misp-galaxy:mitre-intrusion-set=\"APT28 - G0007\""),
            (Group, "Fancy \"Bear\"", Some("x"), "misp-galaxy:threat-actor=\"Fancy 'Bear'\""),
        ] {
            let threat = Threat { kind, name: name.into(), id: id.map(Into::into), tlp: None };
            assert_eq!(threat_tag(&threat).as_deref(), Some(want));
        }
        let nameless = Threat { kind: Group, name: "\u{1f43b}".into(), id: None, tlp: None };
        assert_eq!(threat_tag(&nameless), None);
    }

    #[test]
    fn confidence_has_five_levels() {
        for (number, level) in
            [(0, "unconfident"), (25, "rarely"), (74, "fairly"), (75, "usually"), (100, "compl")]
        {
            let tag = confidence_tag(number);
            assert!(tag.contains(level) && is_confidence(&tag), "{tag}");
        }
    }
}
