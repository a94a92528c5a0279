"""Tests of tools/status and tools/record. Run: python3 tools/test_status.py"""

import importlib.machinery
import importlib.util
import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.dont_write_bytecode = True
TOOLS = Path(__file__).resolve().parent


def load(name):
    loader = importlib.machinery.SourceFileLoader(name, str(TOOLS / name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))
    loader.exec_module(module)
    return module


status, record = load("status"), load("record")
TREES = {"crates": "1", "web": None, "tests": "2"}


def run_with(**results):
    return {"commit": "abc", "trees": TREES, "tests": results}


def one(clauses, run, now=TREES):
    return status.judge({"T1": {"words": "Words.", "clauses": clauses}}, run, now)[0]


def clause(words, **tests):
    return {"words": words, "tests": [{"name": name, "kind": kind} for name, kind in tests.items()]}


class Judging(unittest.TestCase):
    def test_never_run_is_open(self):
        row = one([clause("a", t="peer")], None)
        self.assertEqual((row["status"], row["commit"], row["missing"]), ("open", None, ["a"]))

    def test_pass_needs_a_peer_for_every_clause(self):
        clauses = [clause("a", t="peer"), clause("b", u="scripted")]
        row = one(clauses, run_with(t="pass", u="pass"))
        self.assertEqual((row["status"], row["missing"]), ("open", ["b"]))
        clauses[1]["tests"].append({"name": "v", "kind": "peer"})
        row = one(clauses, run_with(t="pass", u="pass", v="pass"))
        self.assertEqual((row["status"], row["missing"], row["commit"]), ("pass", [], "abc"))

    def test_a_named_test_that_failed_is_fail_even_when_others_show_it(self):
        row = one([clause("a", t="peer", u="unit")], run_with(t="pass", u="fail"))
        self.assertEqual(row["status"], "fail")

    def test_a_test_that_was_not_run_or_ignored_shows_nothing(self):
        for results in ({}, {"t": "ignored"}):
            row = one([clause("a", t="peer")], run_with(**results))
            self.assertEqual((row["status"], row["missing"]), ("open", ["a"]))

    def test_changed_trees_are_stale(self):
        for tree in TREES:
            row = one([clause("a", t="peer")], run_with(t="pass"), {**TREES, tree: "other"})
            self.assertEqual(row["status"], "stale")

    def test_what_has_no_tests_stays_open(self):
        row = one([clause("a")], run_with(t="pass"), {**TREES, "crates": "other"})
        self.assertEqual((row["status"], row["tests"]), ("open", []))

    def test_an_unknown_kind_is_refused(self):
        with self.assertRaises(SystemExit):
            one([clause("a", t="mock")], run_with(t="pass"))


class Trees(unittest.TestCase):
    def test_changes_of_the_working_tree_count_and_the_repository_stays_as_it_is(self):
        with tempfile.TemporaryDirectory() as place:
            root = Path(place)

            def git(*arguments):
                subprocess.run(
                    ["git", "-c", "user.name=t", "-c", "user.email=t@example.test", *arguments],
                    cwd=root, check=True, capture_output=True,
                )

            git("init", "-q")
            (root / "crates").mkdir()
            (root / "crates/a.rs").write_text("one")
            (root / ".gitignore").write_text("target/\n")
            git("add", "-A")
            git("commit", "-qm", "x")
            first = status.trees(root)
            self.assertIsNotNone(first["crates"])
            self.assertIsNone(first["web"])
            (root / "README.md").write_text("not watched")
            self.assertEqual(status.trees(root), first)
            (root / "crates/a.rs").write_text("two")
            changed = status.trees(root)
            self.assertNotEqual(changed, first)
            (root / "crates/b.rs").write_text("new")
            self.assertNotEqual(status.trees(root), changed)
            (root / "crates/b.rs").unlink()
            (root / "crates/a.rs").write_text("one")
            (root / "crates/target").mkdir()
            (root / "crates/target/junk").write_text("ignored")
            self.assertEqual(status.trees(root), first)
            self.assertEqual(status.git(root, "status", "--porcelain"), "?? README.md")

    def test_without_git_nothing_is_known(self):
        with tempfile.TemporaryDirectory() as place:
            self.assertEqual(set(status.trees(Path(place)).values()), {None})


class Reading(unittest.TestCase):
    def test_lines_of_cargo_and_unittest_are_understood(self):
        reader = record.Reader()
        for line in (
            "     Running unittests src/lib.rs (target/debug/deps/im_core-0123456789abcdef)",
            "test relay::tests::kept ... ok",
            "test odd ... FAILED",
            "test slow ... ignored, needs an hour",
            "test boom - should panic ... ok",
            "     Running it/main.rs (/somewhere/target/debug/deps/it-fedcba9876543210)",
            "test trials::sipp ... \x1b[32mok\x1b[0m",
            "skipped it::web::ways: not root",
            "test web::ways ... ok",
            "skipped words: are no test's name",
            "   Doc-tests sip_proto",
            "test crates/sip-proto/src/lib.rs - parse (line 3) ... ok",
            "test result: ok. 3 passed; 0 failed",
        ):
            reader.feed(line + "\n")
        self.assertEqual(
            reader.tests,
            {
                "im_core::relay::tests::kept": "pass",
                "im_core::odd": "fail",
                "im_core::slow": "ignored",
                "im_core::boom": "pass",
                "it::trials::sipp": "pass",
                "it::web::ways": "ignored",
                "doc::sip_proto::crates/sip-proto/src/lib.rs - parse (line 3)": "pass",
            },
        )
        reader = record.Reader("tools")
        reader.feed("test_x (__main__.Reading.test_x) ... ok\n")
        self.assertEqual(reader.tests, {"tools::test_x": "pass"})
        reader = record.Reader("window")
        for line in (
            " \x1b[32m✓\x1b[39m e2e/chat.test.ts > two people > chat 1204ms",
            " ✓ test/e2e/window.e2e.ts > at a real server > shows who is there 80ms",
            " × src/sip/uri.test.ts > a bare host",
            " ↓ src/sip/uri.test.ts > later 3ms",
            " ✓ src/sip/uri.test.ts (4 tests) 12ms",
        ):
            reader.feed(line + "\n")
        self.assertEqual(
            reader.tests,
            {
                "window::e2e/chat::two people::chat": "pass",
                "window::test/e2e/window::at a real server::shows who is there": "pass",
                "window::src/sip/uri::a bare host": "fail",
                "window::src/sip/uri::later": "ignored",
            },
        )


class List(unittest.TestCase):
    def test_all_ids_are_there_in_order_with_their_clauses(self):
        import tomllib

        list_ = tomllib.loads((TOOLS.parent / status.REQUIREMENTS).read_text())
        ids = [f"T{n}" for n in range(1, 17)] + [f"C{n}" for n in range(1, 19)] + [f"V{n}" for n in range(1, 10)]
        self.assertEqual(list(list_), ids)
        for name, requirement in list_.items():
            self.assertGreater(len(requirement["words"]), 20, name)
            self.assertTrue(requirement["clauses"], name)
            for entry in requirement["clauses"]:
                self.assertLessEqual(set(entry), {"words", "tests"}, name)

    def test_the_readme_keeps_what_stands_around_the_table(self):
        rows = [one([clause("a", t="peer")], run_with(t="pass"))]
        text = f"head\n{status.BEGIN}\nold\n{status.END}\ntail\n"
        new = status.put_between_markers(text, status.markdown(rows))
        self.assertTrue(new.startswith("head\n") and new.endswith("\ntail\n"))
        self.assertIn("| T1 | pass |", new)
        self.assertNotIn("old", new)
        json.dumps(rows)


if __name__ == "__main__":
    unittest.main()
