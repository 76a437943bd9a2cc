//! Rebuilds when a migration is added: the migrator embeds them.

fn main() {
    println!("cargo:rerun-if-changed=migrations");
}
