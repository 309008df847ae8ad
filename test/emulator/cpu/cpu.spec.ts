import { expect } from 'chai';
import fc from 'fast-check';

import { PAGE_SIZE, physAddr } from '../../../base/address';
import { BUS_ACCESS_FAULT, BUS_NO_ADDRESS, BUS_OK, BUS_POISONED, type BusOutcome } from '../../../base/bus-outcome';
import { LabError } from '../../../base/errors';
import { Trace } from '../../../base/trace';
import { u64, type U64 } from '../../../base/u64';
import type { MmioTarget } from '../../../emulator/bus/mmio';
import { SystemBus } from '../../../emulator/bus/system-bus';
import { Clock } from '../../../emulator/clock';
import { Cpu, type CpuOptions } from '../../../emulator/cpu/cpu';
import { Ram } from '../../../emulator/memory/ram';

const RAM_BASE = physAddr(0x8000_0000);
const UART = physAddr(0x1000_0000);
const HOLE = physAddr(0x2000_0000);

interface Machine {
  readonly clock: Clock;
  readonly cpu: Cpu;
  readonly bus: SystemBus;
  /** What happened, and when. */
  readonly diary: string[];
  readonly note: (what: string) => void;
}

const machine = (options?: CpuOptions): Machine => {
  const clock = new Clock();
  clock.limit = 1_000_000;
  const diary: string[] = [];
  const note = (what: string): void => void diary.push(`${clock.now} ${what}`);
  const bus = new SystemBus(new Ram([{ base: RAM_BASE, size: 4 * PAGE_SIZE }]));
  let held = 0;
  const uart: MmioTarget = {
    name: 'uart',
    size: 0x100,
    read(offset, width, into: U64): BusOutcome {
      note(`read${width} ${offset}`);
      into.lo = held;
      into.hi = 0;
      return BUS_OK;
    },
    write(offset, width, lo): BusOutcome {
      note(`write${width} ${offset}=${lo}`);
      held = lo;
      return BUS_OK;
    },
    peek: () => BUS_OK,
  };
  bus.mount(UART, uart);
  return { clock, cpu: new Cpu(bus, clock, new Trace(() => clock.now), options), bus, diary, note };
};

const ignore = { external: () => undefined, timer: () => undefined };

describe('CPU accesses', () => {
  it('to RAM cost no time, at any width and alignment', () => {
    const { cpu, clock } = machine();
    const value = u64();
    expect(cpu.store64(physAddr(RAM_BASE + 1), 0x8765_4321, 0xfedc_ba98)).to.equal(BUS_OK);
    expect(cpu.load8(physAddr(RAM_BASE + 8))).to.equal(0xfe);
    expect(cpu.load16(physAddr(RAM_BASE + 7))).to.equal(0xfedc);
    expect(cpu.load32(physAddr(RAM_BASE + 1))).to.equal(0x8765_4321);
    expect(cpu.load64(physAddr(RAM_BASE + 1), value)).to.equal(BUS_OK);
    expect(value).to.deep.equal({ lo: 0x8765_4321, hi: 0xfedc_ba98 });
    cpu.store8(RAM_BASE, 0x1ff);
    cpu.store16(physAddr(RAM_BASE + 1), 0x1_2345);
    cpu.store32(physAddr(RAM_BASE + 3), 0xffff_ffff);
    expect(cpu.load32(RAM_BASE)).to.equal(0xff23_45ff);
    expect(cpu.fillBytes(physAddr(RAM_BASE + 100), 7, 50)).to.equal(BUS_OK);
    expect(cpu.copyBytes(physAddr(RAM_BASE + 140), physAddr(RAM_BASE + 95), 20)).to.equal(BUS_OK);
    const bytes = new Uint8Array(66);
    expect(cpu.readBytes(physAddr(RAM_BASE + 98), bytes, 1, 64)).to.equal(BUS_OK);
    expect([...bytes.subarray(41, 50)]).to.deep.equal([7, 7, 0, 0, 0, 0, 0, 7, 7]);
    expect([bytes[0], bytes[1], bytes[3], bytes[65]]).to.deep.equal([0, 0, 7, 0]);
    expect(clock.now).to.equal(0);
  });

  it('to registers cost time: a read arrives after it, a write before it', () => {
    const { cpu, clock, diary } = machine({ mmioReadNs: 100, mmioWriteNs: 50 });
    cpu.store32(UART, 5);
    expect(clock.now).to.equal(50);
    expect(cpu.load32(UART)).to.equal(5);
    expect(clock.now).to.equal(150);
    cpu.store8(physAddr(UART + 1), 6);
    cpu.store16(physAddr(UART + 2), 7);
    cpu.store64(physAddr(UART + 8), 8, 9);
    expect([cpu.load8(UART), cpu.load16(UART), cpu.load64(UART, u64())]).to.deep.equal([8, 8, BUS_OK]);
    expect(diary).to.deep.equal([
      '0 write4 0=5',
      '150 read4 0',
      '150 write1 1=6',
      '200 write2 2=7',
      '250 write8 8=8',
      '400 read1 0',
      '500 read2 0',
      '600 read8 0',
    ]);
    expect(clock.now).to.equal(600);
  });

  it('to registers in runs pay for each word', () => {
    const { cpu, clock } = machine({ mmioReadNs: 100, mmioWriteNs: 10 });
    expect(cpu.readBytes(UART, new Uint8Array(12), 0, 12)).to.equal(BUS_OK);
    expect(clock.now).to.equal(300);
    expect(cpu.writeBytes(UART, new Uint8Array(8), 0, 8)).to.equal(BUS_OK);
    expect(clock.now).to.equal(310);
    expect(cpu.copyBytes(RAM_BASE, UART, 16)).to.equal(BUS_OK);
    expect(clock.now).to.equal(710);
    expect(cpu.copyBytes(UART, RAM_BASE, 16)).to.equal(BUS_OK);
    expect(clock.now).to.equal(750);
  });

  it('to nothing cost time too, so that a poll there ends', () => {
    const { cpu, clock } = machine();
    expect(cpu.load32(HOLE)).to.equal(BUS_NO_ADDRESS);
    expect(cpu.store32(HOLE, 1)).to.equal(BUS_NO_ADDRESS);
    expect(clock.now).to.equal(150);
    expect(() => {
      while (cpu.load32(HOLE) === BUS_NO_ADDRESS);
    }).to.throw(LabError, 'limit');
  });

  it('hand on what the bus answers', () => {
    const { cpu, bus } = machine();
    bus.mark(RAM_BASE, 4, 'faulting');
    bus.mark(RAM_BASE + 4, 4, 'poisoned');
    expect(cpu.load8(RAM_BASE)).to.equal(BUS_ACCESS_FAULT);
    expect(cpu.store16(RAM_BASE, 1)).to.equal(BUS_ACCESS_FAULT);
    expect(cpu.load16(physAddr(RAM_BASE + 4))).to.equal(BUS_POISONED);
    expect(cpu.copyBytes(RAM_BASE, physAddr(RAM_BASE + 8), 4)).to.equal(BUS_ACCESS_FAULT);
    expect(cpu.copyBytes(physAddr(RAM_BASE + 8), physAddr(RAM_BASE + 4), 4)).to.equal(BUS_POISONED);
    expect(cpu.copyBytes(HOLE, physAddr(RAM_BASE + 8), 4)).to.equal(BUS_NO_ADDRESS);
    expect(cpu.load32(physAddr(UART + 2))).to.equal(BUS_ACCESS_FAULT);
  });

  it('let hardware that is due act first: a read sees what happened while it was under way', () => {
    const { cpu, clock, bus } = machine({ mmioReadNs: 100 });
    clock.timer('device', () => bus.store32(UART, 77)).armAt(100);
    expect(cpu.load32(UART)).to.equal(77);
  });
});

describe('CPU time', () => {
  it('lets each event happen at its own time', () => {
    const { cpu, clock, note, diary } = machine();
    clock.timer('b', () => note('b')).armAt(7);
    const a = clock.timer('a', () => {
      note('a');
      a.armAfter(3);
    });
    a.armAt(3);
    cpu.elapse(10);
    expect(diary).to.deep.equal(['3 a', '6 a', '7 b', '9 a']);
    expect(clock.now).to.equal(10);
    cpu.elapse(2);
    expect(diary.at(-1)).to.equal('12 a');
  });

  it('counts parts of a nanosecond as a whole one, negative and absurd times as none', () => {
    const { cpu, clock } = machine();
    cpu.elapse(0.1);
    cpu.elapse(2.5);
    expect(clock.now).to.equal(4);
    cpu.elapse(-5);
    cpu.elapse(NaN);
    expect(clock.now).to.equal(4);
  });

  it('is not shortened by handlers: what they take comes on top', () => {
    const { cpu, clock, note, diary } = machine({ interruptEntryNs: 20 });
    clock.timer('device', () => cpu.externalInterrupt.set(true)).armAt(10);
    clock.timer('during handler', () => note('during handler')).armAt(45);
    clock.timer('after', () => note('after')).armAt(90);
    cpu.setTrapHandlers({
      ...ignore,
      external: () => {
        note('handler');
        cpu.elapse(30);
        cpu.externalInterrupt.set(false);
        note('handled');
      },
    });
    cpu.elapse(100);
    expect(diary).to.deep.equal(['30 handler', '45 during handler', '60 handled', '90 after']);
    expect(clock.now).to.equal(150);
  });

  it('is foreground time plus the time of the interrupts, for any events', () => {
    const event = fc.record({ at: fc.nat(300), takes: fc.nat(20), raises: fc.boolean() });
    fc.assert(
      fc.property(
        fc.array(event, { maxLength: 12 }),
        fc.array(fc.nat(40), { maxLength: 12 }),
        fc.nat(5),
        (events, spends, entry) => {
          const { cpu, clock } = machine({ interruptEntryNs: entry + 1 });
          const late: number[] = [];
          let queued: number[] = [];
          let inHandlers = 0;
          for (const { at, takes, raises } of events) {
            clock
              .timer('event', () => {
                if (clock.now !== at) late.push(at);
                if (!raises) return;
                queued.push(takes);
                cpu.externalInterrupt.set(true);
              })
              .armAt(at);
          }
          cpu.setTrapHandlers({
            ...ignore,
            external: () => {
              const [first = 0, ...rest] = queued;
              queued = rest;
              cpu.externalInterrupt.set(rest.length > 0);
              inHandlers += entry + 1 + first;
              cpu.elapse(first);
              cpu.externalInterrupt.set(queued.length > 0);
            },
          });
          for (const spend of spends) cpu.elapse(spend);
          expect(late).to.deep.equal([]);
          expect(queued).to.deep.equal([]);
          expect(clock.now).to.equal(spends.reduce((sum, spend) => sum + spend, 0) + inHandlers);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('has a limit, whatever waits', () => {
    const { cpu } = machine();
    expect(() => cpu.elapse(Infinity)).to.throw(LabError, 'limit');
    expect(() => cpu.elapse(2_000_000)).to.throw(LabError, 'limit');
  });
});

describe('CPU interrupts', () => {
  it('stay pending while disabled and are taken when enabled', () => {
    const { cpu, note, diary } = machine();
    cpu.setTrapHandlers({
      ...ignore,
      external: () => {
        note(`external, enabled ${cpu.interruptsEnabled}`);
        cpu.externalInterrupt.set(false);
      },
    });
    expect(cpu.setInterruptsEnabled(false)).to.equal(true);
    cpu.externalInterrupt.set(true);
    cpu.elapse(10);
    expect(diary).to.deep.equal([]);
    expect(cpu.setInterruptsEnabled(true)).to.equal(false);
    expect(diary).to.deep.equal(['210 external, enabled false']);
    expect(cpu.interruptsEnabled).to.equal(true);
  });

  it('stay pending until handlers are installed', () => {
    const { cpu, clock } = machine();
    cpu.externalInterrupt.set(true);
    cpu.elapse(10);
    expect(clock.now).to.equal(10);
    let taken = 0;
    cpu.setTrapHandlers({
      ...ignore,
      external: () => {
        taken++;
        cpu.externalInterrupt.set(false);
      },
    });
    cpu.elapse(0);
    expect(taken).to.equal(1);
  });

  it('do not interrupt a handler, even one that enables them; what came meanwhile is taken after it', () => {
    const { cpu, clock, note, diary } = machine({ interruptEntryNs: 5 });
    let depth = 0;
    cpu.setTrapHandlers({
      timer: () => note(`timer at depth ${depth}`),
      external: () => {
        depth++;
        note('external');
        cpu.externalInterrupt.set(false);
        cpu.setInterruptsEnabled(true);
        cpu.elapse(50);
        cpu.store32(UART, 1);
        depth--;
      },
    });
    cpu.setTimer(20);
    clock.timer('device', () => cpu.externalInterrupt.set(true)).armAt(10);
    cpu.elapse(15);
    expect(diary).to.deep.equal(['15 external', '65 write4 0=1', '120 timer at depth 0']);
  });

  it('run again while the line stays high, each costing time, so that a storm ends at the limit', () => {
    const { cpu, clock } = machine({ interruptEntryNs: 1 });
    let calls = 0;
    cpu.setTrapHandlers({ ...ignore, external: () => (calls++, undefined) });
    cpu.externalInterrupt.set(true);
    clock.limit = 1000;
    expect(() => cpu.elapse(1)).to.throw(LabError, 'limit');
    expect(calls).to.equal(1000);
  });

  it('from the timer come once per deadline; setting a new one takes a pending one back', () => {
    const { cpu, note, diary } = machine({ interruptEntryNs: 1 });
    cpu.setTrapHandlers({ ...ignore, timer: () => note('timer') });
    cpu.setTimer(10);
    cpu.elapse(30);
    expect(diary).to.deep.equal(['11 timer']);
    cpu.setInterruptsEnabled(false);
    cpu.setTimer(40);
    cpu.elapse(20);
    cpu.setTimer(100);
    cpu.setInterruptsEnabled(true);
    expect(diary).to.have.length(1);
    cpu.setTimer(Infinity);
    cpu.elapse(100);
    expect(diary).to.have.length(1);
    cpu.setTimer(0);
    cpu.elapse(0);
    expect(diary).to.have.length(2);
  });

  it('take the external one before the timer', () => {
    const { cpu, note, diary } = machine({ interruptEntryNs: 1 });
    cpu.setTrapHandlers({
      timer: () => note('timer'),
      external: () => {
        note('external');
        cpu.externalInterrupt.set(false);
      },
    });
    cpu.setTimer(5);
    cpu.setInterruptsEnabled(false);
    cpu.externalInterrupt.set(true);
    cpu.elapse(5);
    cpu.setInterruptsEnabled(true);
    expect(diary).to.deep.equal(['6 external', '7 timer']);
  });

  it('leave the CPU usable when a handler throws', () => {
    const { cpu } = machine();
    cpu.setTrapHandlers({
      ...ignore,
      external: () => {
        cpu.externalInterrupt.set(false);
        throw new Error('scenario error');
      },
    });
    cpu.externalInterrupt.set(true);
    expect(() => cpu.elapse(1)).to.throw('scenario error');
    expect(cpu.interruptsEnabled).to.equal(true);
    let taken = false;
    cpu.setTrapHandlers({ ...ignore, timer: () => (taken = true) });
    cpu.setTimer(0);
    cpu.elapse(0);
    expect(taken).to.equal(true);
  });
});

describe('waiting for an interrupt', () => {
  it('skips to the event that brings one, letting others happen', () => {
    const { cpu, clock, note, diary } = machine({ interruptEntryNs: 1 });
    cpu.setTrapHandlers({
      ...ignore,
      external: () => {
        note('taken');
        cpu.externalInterrupt.set(false);
      },
    });
    clock.timer('quiet', () => note('quiet')).armAt(10);
    clock.timer('loud', () => cpu.externalInterrupt.set(true)).armAt(20);
    expect(cpu.waitForInterrupt()).to.equal(true);
    expect(diary).to.deep.equal(['10 quiet', '21 taken']);
    expect(cpu.waitForInterrupt()).to.equal(false);
  });

  it('takes one that is pending already', () => {
    const { cpu, note, diary } = machine();
    cpu.setTrapHandlers({ ...ignore, timer: () => note('timer') });
    cpu.setTimer(0);
    expect(cpu.waitForInterrupt()).to.equal(true);
    expect(diary).to.deep.equal(['200 timer']);
  });

  it('tells that the machine is dead when nothing can happen', () => {
    const { cpu, clock } = machine();
    cpu.setTrapHandlers(ignore);
    clock.timer('last', () => undefined).armAt(5);
    expect(cpu.waitForInterrupt()).to.equal(false);
  });

  it('ends where interrupts are disabled as soon as one is pending, and never stands still', () => {
    const { cpu, clock } = machine();
    cpu.setTrapHandlers({ ...ignore, timer: () => expect.fail('taken') });
    cpu.setInterruptsEnabled(false);
    cpu.setTimer(30);
    expect(cpu.waitForInterrupt()).to.equal(true);
    expect(clock.now).to.equal(30);
    expect(() => {
      while (cpu.waitForInterrupt());
    }).to.throw(LabError, 'limit');
  });

  it('refuses costs that are no whole numbers, and interrupts for free', () => {
    expect(() => machine({ interruptEntryNs: 0 })).to.throw(LabError, 'interruptEntryNs');
    expect(() => machine({ mmioReadNs: 0.5 })).to.throw(LabError, 'mmioReadNs');
    expect(() => machine({ mmioWriteNs: -1 })).to.throw(LabError, 'mmioWriteNs');
  });
});
