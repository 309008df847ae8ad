import { expect } from 'chai';
import type { Format } from '../../../base/descriptor';
import { Prng } from '../../../base/prng';
import { ALL_FORMATS } from './all-formats';
import { familyFormat, KINDS } from './family';
import { Q, REG, Rig, STATUS } from './rig';
import { THOROUGH } from './thorough';

/** Descriptors of half the formats: in all a million in `npm run sweep:prototype`. */
const DESCRIPTORS = THOROUGH ? 500_000 : 2_500;
const BASE = 0x10_0000;
const ROOM = 0x1_0000;
const PAGE = 4096;
const SIZE = 16;

const ALL: readonly Format[] = [...ALL_FORMATS, ...KINDS.map((kind) => familyFormat(kind)!)];

/** Random bytes, with words among them that look like addresses of memory that is there, like small numbers, and like flags. */
const noise = (prng: Prng): Uint8Array => {
  const bytes = new Uint8Array(ROOM);
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < ROOM; at += 4) {
    const kind = prng.below(8);
    const value = kind < 2 ? BASE + prng.below(ROOM) : kind < 4 ? prng.below(300) : kind === 4 ? 0 : prng.nextU32();
    view.setUint32(at, value, true);
  }
  return bytes;
};

const fuzz = (format: Format, prng: Prng): number => {
  const rig = new Rig(format, { maxLength: 1 << 16, prefetch: 1 + prng.below(16), chunkBytes: 4096 });
  rig.port.map(BASE, ROOM);
  rig.port.write(BASE / PAGE, 0, noise(prng), 0, ROOM);
  const page = (): number => BASE + PAGE * prng.below(ROOM / PAGE - 1) + 4 * prng.below(64);
  rig.write(0, Q.STREAM_LENGTH, prng.oneIn(2) ? 0 : 1 + prng.below(2000));
  rig.start(0, {
    base: page(),
    size: SIZE,
    heads: page(),
    done: page(),
    doneSize: SIZE,
    config: prng.below(16) & ~8,
    index: prng.below(SIZE),
    doneTail: prng.below(SIZE),
  });
  for (let i = 0; i < 4; i++) {
    rig.ring(0, prng.pick([page(), prng.below(SIZE), prng.nextU32()]));
    if (prng.oneIn(2)) rig.write(0, Q.DONE_HEAD, prng.below(SIZE));
    // Entries that give themselves away again go on for ever, as they would in hardware; each step is bounded all the same.
    rig.run(500);
    expect(rig.clock.now).to.be.lessThan(1e9);
  }
  rig.write(0, Q.CONTROL, 5);
  expect(rig.run(100), 'events after an abort').to.be.lessThan(100);
  expect(rig.read(0, Q.STATUS) & STATUS.ENABLED).to.equal(0);
  const { entries, fetchReads } = rig.device.statistics(0);
  rig.regs.writel(REG.CONTROL, 1);
  rig.run();
  return Math.max(1, entries, fetchReads);
};

/** Declares the test of some of the formats: a sweep is shared by two processes. */
export const fuzzFormats = (isMine: (index: number) => boolean): void => {
  const mine = ALL.filter((_, index) => isMine(index));

  describe('prototype: memory full of anything', () => {
    it(`never crashes, hangs, or keeps moving (${mine.length} formats, ${DESCRIPTORS} descriptors)`, function () {
      this.timeout(0);
      const prng = new Prng(20_261).fork(mine[0]!.name);
      const seen = new Map<string, number>();
      for (let done = 0, i = 0; done < DESCRIPTORS || i < mine.length; i++) {
        const format = mine[i % mine.length]!;
        const count = fuzz(format, prng);
        seen.set(format.name, (seen.get(format.name) ?? 0) + count);
        done += count;
      }
      expect([...seen.values()], 'each format had some').to.have.length(mine.length);
    });
  });
};
