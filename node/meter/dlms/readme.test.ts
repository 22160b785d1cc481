import { testReadmeFiles, testReadmeReasons } from "../testReadme.ts";

testReadmeFiles(import.meta.dirname);
// "ignored" is what a deviation may be here.
testReadmeReasons(import.meta.dirname, "## Figures", ["ignored"]);
