import fs from 'node:fs';
import path from 'node:path';
import type { Answers } from '../../conformance/answers';
import { readAnswers } from '../../conformance/read-answers';

/** Where the measured answers are that the tests replay. */
export const FIXTURES = path.resolve(__dirname, '../fixtures/linux');

/** A file of measured answers, without a check. */
export const readFixture = (name: string): unknown =>
  JSON.parse(fs.readFileSync(path.join(FIXTURES, name), 'utf8')) as unknown;

/** The first cases of each section: what a test of one case needs. */
export const shortAnswers = (name: string, count = 3): Answers => {
  const whole = readFixture(name) as Record<string, unknown>;
  const short = Object.entries(whole).map(([key, value]): [string, unknown] => [
    key,
    Array.isArray(value) ? value.slice(0, count) : value,
  ]);
  return readAnswers(JSON.stringify(Object.fromEntries(short)));
};
