//! What people do in their browser, in a real Chromium: `.ci/browser`, or `.ci/browser <part of a test's name>`.
//!
//! A test opens a `Browser` of its own at a `Site` (an app whose workers it steps) or a `Demo` (the real binary), uses pages
//! by what they say, and ends with `finish`, which fails it for anything that no page may do, whatever the test looked at.

mod accessibility;
mod documentation;
mod harness;
mod journeys;
mod overview;
mod pictures;
mod places;
mod signing_in;
mod support;
