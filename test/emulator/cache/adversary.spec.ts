import { expect } from 'chai';
import fc from 'fast-check';
import { physAddr } from '../../../base/address';
import { Prng } from '../../../base/prng';
import { TraceHasher } from '../../../base/trace';
import { CachedBoard, pattern, RAM_BASE } from '../../support/cached-board';

const SMALL = { sets: 8, ways: 2, adversarial: { interval: 2 } } as const;
const at = (offset: number): ReturnType<typeof physAddr> => physAddr(RAM_BASE + offset);

/** A program that does what the architecture asks of it, with buffers of its own lines; it checks all that it sees. */
class CorrectProgram {
  private readonly board: CachedBoard;
  private readonly rng: Prng;
  /** What is in memory, as the program knows. */
  private readonly known = new Map<number, number[]>();

  constructor(board: CachedBoard, seed: number) {
    this.board = board;
    this.rng = new Prng(seed);
  }

  private buffer(): { offset: number; length: number; data: number[] } {
    const offset = 0x1000 * this.rng.below(3) + 256 * this.rng.below(8);
    const length = this.rng.between(1, 256);
    return { offset, length, data: pattern(this.rng.below(255), length) };
  }

  private know(offset: number, data: readonly number[]): void {
    const old = this.known.get(offset) ?? new Array<number>(256).fill(0);
    this.known.set(offset, [...data, ...old.slice(data.length)]);
  }

  private expected(offset: number, length: number): number[] {
    return (this.known.get(offset) ?? new Array<number>(256).fill(0)).slice(0, length);
  }

  step(): void {
    const { board, rng } = this;
    const { cpu, memory } = board;
    const { offset, length, data } = this.buffer();
    switch (rng.below(7)) {
      case 0: // Ordinary data.
        board.write('cpu', offset, data);
        this.know(offset, data);
        break;
      case 1:
        expect(board.read('cpu', offset, length)).to.deep.equal(this.expected(offset, length));
        break;
      case 2: // To a device that does not snoop.
        cpu.cleanLines(at(offset), length);
        cpu.fence();
        expect(board.read(memory.nonCoherent, offset, length)).to.deep.equal(this.expected(offset, length));
        break;
      case 3: // From a device that does not snoop.
        cpu.cleanLines(at(offset), 256);
        cpu.elapse(rng.below(50));
        board.write(memory.nonCoherent, offset, data);
        cpu.elapse(rng.below(50));
        cpu.invalidateLines(at(offset), 256);
        this.know(offset, data);
        break;
      case 4: // To and from one that does.
        cpu.fence();
        expect(board.read(memory.coherent, offset, length)).to.deep.equal(this.expected(offset, length));
        board.write(memory.coherent, offset, data);
        this.know(offset, data);
        break;
      case 5: // Through an uncached alias, and back.
        cpu.flushLines(at(offset), 256);
        board.write('uncached', offset, data);
        expect(board.read('uncached', offset, length)).to.deep.equal(data);
        cpu.fence();
        expect(board.read(memory.nonCoherent, offset, length)).to.deep.equal(data);
        cpu.flushLines(at(offset), 256);
        this.know(offset, data);
        break;
      default: // Moving data about.
        cpu.copyBytes(at(0x4000), at(offset), length);
        expect(board.read('cpu', 0x4000, length)).to.deep.equal(this.expected(offset, length));
        cpu.store32(at(offset), 0x0403_0201);
        expect(cpu.load32(at(offset))).to.equal(0x0403_0201);
        this.know(offset, [1, 2, 3, 4]);
    }
  }
}

describe('adversarial cache', () => {
  it('shows nothing to a program that is correct', () => {
    fc.assert(
      fc.property(
        fc.integer(),
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 0, max: 20 }),
        (seed, every, room) => {
          const board = new CachedBoard({ ...SMALL, adversarial: { interval: every, storeBuffer: room } }, seed);
          const program = new CorrectProgram(board, seed);
          for (let i = 0; i < 120; i++) program.step();
        },
      ),
      { numRuns: 80 },
    );
  });

  it('does the same again with the same seed, and something else with another', () => {
    const hashOf = (seed: number): string => {
      const board = new CachedBoard(SMALL, seed);
      const hasher = new TraceHasher();
      board.trace.subscribe(hasher.add);
      const program = new CorrectProgram(board, 5);
      for (let i = 0; i < 200; i++) program.step();
      return hasher.digest();
    };
    expect(hashOf(1)).to.equal(hashOf(1));
    expect(hashOf(1)).not.to.equal(hashOf(2));
  });

  /** How many of 100 seeds show a mistake. */
  const shownBy = (mistake: (board: CachedBoard) => boolean): number => {
    let shown = 0;
    for (let seed = 0; seed < 100; seed++) if (mistake(new CachedBoard({ adversarial: true }, seed))) shown++;
    return shown;
  };

  it('prefetches what was invalidated too early', () => {
    const shown = shownBy((board) => {
      board.write('cpu', 0x1000, pattern(1, 256));
      board.cpu.flushLines(at(0x1000), 256);
      // The device is at it for a while; the CPU is busy with something else. Nothing invalidates after that.
      for (let i = 0; i < 64; i++) {
        board.write(board.memory.nonCoherent, 0x1000 + 4 * i, pattern(2, 256).slice(4 * i, 4 * i + 4));
        board.cpu.elapse(10);
      }
      return board.read('cpu', 0x1000, 256).some((byte, i) => byte !== pattern(2, 256)[i]);
    });
    expect(shown).to.be.within(10, 100);
  });

  it('writes dirty lines back on top of what a device wrote', () => {
    const shown = shownBy((board) => {
      board.write('cpu', 0x1000, pattern(1, 256));
      for (let i = 0; i < 64; i++) {
        board.write(board.memory.nonCoherent, 0x1000 + 4 * i, pattern(2, 256).slice(4 * i, 4 * i + 4));
        board.cpu.elapse(10);
      }
      board.cpu.invalidateLines(at(0x1000), 256);
      return board.read('cpu', 0x1000, 256).some((byte, i) => byte !== pattern(2, 256)[i]);
    });
    expect(shown).to.be.within(10, 100);
  });

  it('also shows to a device, by chance, what nobody cleaned', () => {
    const shown = shownBy((board) => {
      board.write('cpu', 0x1000, pattern(1, 64));
      for (let i = 0; i < 64; i++) board.cpu.elapse(100);
      return board.read(board.memory.nonCoherent, 0x1000, 64).every((byte, i) => byte === pattern(1, 64)[i]);
    });
    expect(shown).to.be.within(5, 99);
  });

  it('stays away from registers, marks and the end of RAM', () => {
    const board = new CachedBoard({ adversarial: { interval: 1 } });
    let accesses = 0;
    const access = (): 0 => {
      accesses++;
      return 0;
    };
    board.bus.mount(0x1000, { name: 'registers', size: 0x1000, read: access, write: access, peek: access });
    const events = board.events();
    board.bus.mark(RAM_BASE + 0x3000, 4096, 'poisoned');
    for (let i = 0; i < 500; i++) {
      board.cpu.store32(physAddr(0x1000 + 4 * (i % 16)), i);
      board.cpu.load32(at(0x3000 + 4 * (i % 16)));
      board.cpu.load32(at(0x1f_ffc0));
    }
    expect(accesses).to.equal(500);
    const lines = new Set(events.flatMap((event) => (event.type === 'cache-fill' ? [event.physical] : [])));
    expect([...lines].every((line) => line >= RAM_BASE + 0x1f_f000 && line < RAM_BASE + 0x20_0000)).to.equal(true);
  });

  it('evicts nothing from places that hold nothing', () => {
    const board = new CachedBoard({ adversarial: { interval: 1 } });
    const events = board.events();
    for (let i = 0; i < 500; i++) board.cpu.elapse(1000);
    expect(events).to.deep.equal([]);
    // Of lines that are handed over there are none yet.
    board.cpu.load32(at(0x1000));
    for (let i = 0; i < 500; i++) board.cpu.elapse(1000);
    const lines = events.flatMap((event) => ('physical' in event ? [event.physical] : []));
    expect(Math.min(...lines)).to.be.at.least(RAM_BASE);
  });
});
