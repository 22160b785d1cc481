import { testReadmeFiles, testReadmeReasons } from "../testReadme.ts";

testReadmeFiles(import.meta.dirname);
testReadmeReasons(import.meta.dirname, "## Figures");
