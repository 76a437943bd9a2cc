//! Whether everything on a page can be read.

use serde_json::{Value, json};

use super::Page;

/// Each thing that is cut: what clips more than it shows, and text beyond the sides that nothing scrolls to. An ellipsis,
/// what is a pixel small for screen readers only, and what is wholly beyond the left side are meant.
const CUT: &str = "
    const [width] = arguments, cut = [];
    const clips = (overflow) => overflow === 'hidden' || overflow === 'clip';
    const scrolls = (part) => part !== document.body && part !== document.documentElement
        && ['auto', 'scroll'].includes(getComputedStyle(part).overflowX);
    for (const part of document.body.querySelectorAll('*')) {
        const style = getComputedStyle(part), box = part.getBoundingClientRect();
        if (!part.checkVisibility({visibilityProperty: true}) || box.width <= 1 || box.height <= 1 || box.right <= 0) continue;
        const says = [...part.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());
        const scrolls_itself = part.matches('input, textarea, select');
        const wide = !scrolls_itself && clips(style.overflowX) && style.textOverflow !== 'ellipsis' && part.scrollWidth > part.clientWidth + 1;
        const high = clips(style.overflowY) && part.scrollHeight > part.clientHeight + 1;
        let beyond = says && (box.right > width + 1 || box.left < -1);
        for (let around = part; beyond && around; around = around.parentElement)
            beyond = !scrolls(around) && around.getBoundingClientRect().width > 1;
        if (wide || high || beyond) cut.push(part.outerHTML.slice(0, 200));
    }
    return cut;";

impl Page {
    /// Nothing has to be scrolled to the side.
    pub async fn assert_no_horizontal_overflow(&self) {
        let needed = self.execute("return document.documentElement.scrollWidth", Vec::new()).await.expect("a width");
        let width = self.size().width();
        assert!(needed.as_u64() <= Some(width.into()), "{} is {needed} wide, not {width}", self.path().await);
    }

    /// All text can be read.
    pub async fn assert_nothing_is_cut(&self) {
        self.assert_no_horizontal_overflow().await;
        let cut = self.execute(CUT, vec![json!(self.size().width())]).await.expect("a list");
        assert_eq!(cut, Value::Array(Vec::new()), "cut at {}", self.path().await);
    }
}
