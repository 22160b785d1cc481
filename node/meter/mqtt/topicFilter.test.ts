import { expect, test } from "vitest";
import { isTopicFilter, matchesTopic } from "./topicFilter.ts";

test.each([
  ["tele/+/SENSOR", "tele/plug/SENSOR", true],
  ["tele/+/SENSOR", "tele/a/b/SENSOR", false],
  ["tele/+/SENSOR", "tele/plug/STATE", false],
  ["tele/#", "tele/a/b", true],
  ["tele/#", "tele", true],
  ["tele/#", "other/a", false],
  ["+", "a", true],
  ["+", "a/b", false],
  ["+/b", "/b", true],
  ["#", "a/b", true],
  ["#", "$SYS/uptime", false],
  ["+/uptime", "$SYS/uptime", false],
  ["$SYS/#", "$SYS/uptime", true],
  ["a", "a/", false],
])("%s and the topic %s: %s", (filter, topic, matches) => {
  expect(matchesTopic(filter, topic)).toBe(matches);
});

test.each([
  ["a/+/b", true],
  ["#", true],
  ["a/#", true],
  ["", false],
  ["a/#/b", false],
  ["a#", false],
  ["a+/b", false],
  ["a\0", false],
])("whether %j is a topic filter: %s", (text, isFilter) => {
  expect(isTopicFilter(text)).toBe(isFilter);
});
