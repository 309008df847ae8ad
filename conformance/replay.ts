import { SECTIONS, type Answers, type SectionName } from './answers';
import { replayAlign } from './sections/align';
import { replayFromPages } from './sections/from-pages';
import { infoCases, replayInfo } from './sections/info';
import { IovaReplay } from './sections/iova';
import { replayMapSg } from './sections/map-sg';
import { replayMask } from './sections/mask';
import { withSubject, type Subject } from './subject';
import type { Difference, Verdict } from './verdict';

/** A case that did not come out as measured. */
export interface Failure extends Difference {
  readonly section: SectionName;
  /** Its place in the section, from 0. */
  readonly index: number;
}

/** What became of one section, or of one file. */
export interface Outcome {
  readonly passed: number;
  readonly failures: readonly Failure[];
  /** Worth knowing, and no reason to fail. */
  readonly notes: readonly string[];
}

/** Whatever a case does to the kernel, it is a case that failed, and the next one is tried. */
const guarded = (ask: () => Verdict): Verdict => {
  try {
    return ask();
  } catch (error) {
    const { name, message } = error as Error;
    return { input: '', expected: 'an answer', found: `${name}: ${message}` };
  }
};

const verdictsOf = <T>(cases: readonly T[], ask: (each: T) => Verdict): Verdict[] =>
  cases.map((each) => guarded(() => ask(each)));

const replaySection = (subject: Subject, answers: Answers, section: SectionName, notes: string[]): Verdict[] => {
  switch (section) {
    case 'info':
      return verdictsOf(infoCases(answers.info!), (each) => replayInfo(subject, each));
    case 'map_sg':
      return verdictsOf(answers.map_sg!, (each) => replayMapSg(subject, each));
    case 'from_pages':
      return verdictsOf(answers.from_pages!, (each) => replayFromPages(subject, each));
    case 'iova': {
      const replay = new IovaReplay(subject, answers.iova!);
      const verdicts = verdictsOf(answers.iova!, (each) => replay.replay(each));
      notes.push(`iova: ${replay.note}`);
      return verdicts;
    }
    case 'align':
      return verdictsOf(answers.align!, (each) => replayAlign(subject, each));
    case 'mask':
      return verdictsOf(answers.mask!, (each) => replayMask(subject, each));
  }
};

/**
 * Asks a machine that has just booted what a file says was asked of Linux, section by section in the order of the
 * measurement, and compares the answers.
 */
export const replay = (answers: Answers, hostTurn: () => Promise<void>): Promise<Outcome> =>
  withSubject(answers.mode, hostTurn, (subject) => {
    const failures: Failure[] = [];
    const notes: string[] = [];
    let passed = 0;
    for (const section of SECTIONS) {
      if (answers[section] === undefined) continue;
      replaySection(subject, answers, section, notes).forEach((verdict, index) => {
        if (verdict === null) passed++;
        else failures.push({ ...verdict, section, index });
      });
    }
    return { passed, failures, notes };
  });
