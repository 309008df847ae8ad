import { Clock, type Timer } from '../emulator/clock';
import { Prng } from '../base/prng';
import { compare, figure, timed, type Figure } from './measure';

const TIMERS = 64;
const EVENTS = 400_000;

const delays = (): Uint32Array => {
  const rng = new Prng(7);
  return Uint32Array.from({ length: 1024 }, () => rng.between(1, 1000));
};

/** The clock, with timers that arm themselves again. */
const clockSample = (): number => {
  const table = delays();
  const clock = new Clock();
  let fired = 0;
  for (let i = 0; i < TIMERS; i++) {
    const timer: Timer = clock.timer(`timer${i}`, () => {
      timer.armAfter(table[fired++ & 1023]!);
    });
    timer.armAfter(table[i]!);
  }
  return timed(() => {
    while (fired < EVENTS) clock.fireNext();
  });
};

/** The same with the plainest queue that is correct: a sorted array of deadlines. */
const sortedArraySample = (): number => {
  const table = delays();
  const queue: { deadline: number; fire: () => void }[] = [];
  let fired = 0;
  let now = 0;
  const insert = (entry: { deadline: number; fire: () => void }): void => {
    let at = queue.length;
    while (at > 0 && queue[at - 1]!.deadline > entry.deadline) at--;
    queue.splice(at, 0, entry);
  };
  for (let i = 0; i < TIMERS; i++) {
    const entry = {
      deadline: table[i]!,
      fire: (): void => {
        entry.deadline = now + table[fired++ & 1023]!;
        insert(entry);
      },
    };
    insert(entry);
  }
  return timed(() => {
    while (fired < EVENTS) {
      const entry = queue.shift()!;
      now = entry.deadline;
      entry.fire();
    }
  });
};

/** Events per second with 64 timers armed. */
export const events = async (): Promise<Figure[]> => {
  const result = await compare(clockSample, sortedArraySample);
  const perSecond = (ns: number): number => (EVENTS / ns) * 1e3;
  return [
    figure('events', 'million/s', perSecond(result.value), perSecond(result.baseline), 'a sorted array as the queue'),
  ];
};
