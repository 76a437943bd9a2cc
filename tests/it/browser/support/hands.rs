//! What people do with a page: by mouse and by keyboard.

use fantoccini::{
    actions::{InputSource, KeyAction, KeyActions},
    key::Key,
};

use super::{Browser, Page, Role, command::accessible_name};

impl Browser {
    /// Signs in to the panel.
    pub async fn sign_in(&self, token: &str) {
        self.goto("/panel/sign-in").await;
        self.fill("Access token", token).await;
        self.click_button("Sign in").await;
        self.wait_for_path("/panel").await;
    }
}

impl Page {
    pub async fn click_button(&self, name: &str) {
        self.click(Role::Button, name).await;
    }

    pub async fn click_link(&self, name: &str) {
        self.click(Role::Link, name).await;
    }

    /// Ticks a box, takes it off, or chooses a radio button.
    pub async fn tick(&self, label: &str) {
        self.click(Role::Field, label).await;
    }

    async fn click(&self, role: Role, name: &str) {
        self.until(format!("the {role:?} {name:?} is clicked"), async || {
            Ok(self.find(role, name).await?.click().await?)
        })
        .await;
    }

    /// Writes into a field instead of what stands there.
    pub async fn fill(&self, label: &str, text: &str) {
        self.until(format!("the field {label:?} is filled"), async || {
            let field = self.find(Role::Field, label).await?;
            field.clear().await?;
            Ok(field.send_keys(text).await?)
        })
        .await;
    }

    /// Chooses from a list.
    pub async fn select(&self, label: &str, option: &str) {
        self.until(format!("{option:?} is chosen in {label:?}"), async || {
            Ok(self.find(Role::Field, label).await?.select_by_label(option).await?)
        })
        .await;
    }

    /// What stands in a field.
    pub async fn value(&self, label: &str) -> String {
        let value = self.until(format!("the field {label:?} is there"), async || {
            Ok(self.find(Role::Field, label).await?.prop("value").await?)
        });
        value.await.unwrap_or_default()
    }

    /// Presses a key.
    pub async fn press(&self, key: Key) {
        let value = char::from(key);
        let keys = KeyActions::new("keyboard".to_owned());
        let keys = keys.then(KeyAction::Down { value }).then(KeyAction::Up { value });
        self.client().perform_actions(keys).await.expect("the key is pressed");
    }

    /// Goes on to the next thing that takes the focus, and says its name.
    pub async fn tab(&self) -> String {
        self.press(Key::Tab).await;
        let focused = self.client().active_element().await.expect("something has the focus");
        accessible_name(self.client(), &focused).await.expect("it has a name")
    }

    /// Goes on until this has the focus.
    pub async fn tab_to(&self, name: &str) {
        let mut passed = Vec::new();
        while passed.last().is_none_or(|last| last != name) {
            assert!(passed.len() < 100, "no way leads to {name:?}: {passed:?}");
            passed.push(self.tab().await);
        }
    }

    /// Types to whatever has the focus.
    pub async fn type_text(&self, text: &str) {
        let focused = self.client().active_element().await.expect("something has the focus");
        focused.send_keys(text).await.expect("it takes text");
    }
}
