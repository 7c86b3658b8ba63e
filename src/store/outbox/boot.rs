//! Which boot of the machine this is: what was renamed and not synced survives a killed process, and no power cut.

use std::sync::LazyLock;

/// The beginning of the names of armed messages.
pub(super) const ARMED: &str = "armed-";

/// The end of the name of a message that this boot has armed.
pub(super) fn suffix() -> String {
    static SUFFIX: LazyLock<String> = LazyLock::new(|| {
        let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let id: String = id.chars().filter(char::is_ascii_hexdigit).take(16).collect();
        // Where boots cannot be told apart, every process is taken for one: what it armed and left is uncertain.
        let id = if id.is_empty() { format!("pid{}", std::process::id()) } else { id };
        format!("{ARMED}{id}")
    });
    SUFFIX.clone()
}
