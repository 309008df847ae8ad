import { expect } from 'chai';
import fc from 'fast-check';

import { EBUSY, EINVAL } from '../../../base/errno';
import { LabError } from '../../../base/errors';
import { cells, property, strings } from '../../../base/fdt';
import type { NodeSource } from '../../../base/fdt';
import {
  disable_irq,
  disable_irq_nosync,
  enable_irq,
  free_irq,
  IRQF_ONESHOT,
  IRQF_SHARED,
  IRQ_HANDLED,
  IRQ_NONE,
  IRQ_WAKE_THREAD,
  request_irq,
  request_threaded_irq,
  synchronize_irq,
} from '../../../kernel-api/irq/request-irq';
import { of_find_node_by_name } from '../../../kernel-api/of/device-tree';
import { of_irq_get } from '../../../kernel-api/of/irq';
import { KernelOops } from '../../../kernel-api/oops';
import { msleep, udelay } from '../../../kernel-api/sched/delay';
import { makeRunningKernel, platformNodes, rootNode, type RunningKernel } from '../../support/running-kernel';

const SOURCES = [3, 31, 5];

const device = (...sources: number[]): NodeSource => ({
  name: 'device',
  properties: [property('compatible', strings('test,device')), property('interrupts', cells(...sources))],
});

interface Bench extends RunningKernel {
  /** The kernel's number of the n-th interrupt. */
  irq(index: number): number;
  raise(index: number): void;
  lower(index: number): void;
}

const makeBench = (): Bench => {
  const running = makeRunningKernel({ tree: rootNode(device(...SOURCES)) });
  const node = of_find_node_by_name(running.kernel, null, 'device')!;
  return {
    ...running,
    irq: (index) => of_irq_get(node, index),
    raise: (index) => running.plic.line(SOURCES[index]!).set(true),
    lower: (index) => running.plic.line(SOURCES[index]!).set(false),
  };
};

const failure = async (run: Promise<unknown>): Promise<Error> => {
  try {
    await run;
  } catch (error) {
    return error as Error;
  }
  throw new Error('it did not fail');
};

describe('interrupts', () => {
  it('reach their handler, in hard interrupt context, while the line is high', async () => {
    const bench = makeBench();
    const { kernel, sched } = bench;
    const calls: unknown[] = [];
    await sched.run(async () => {
      for (const index of [0, 1]) {
        expect(
          request_irq(
            kernel,
            bench.irq(index),
            (irq, dev) => {
              calls.push([irq, dev, sched.context.inHardirq, kernel.cpu.interruptsEnabled]);
              bench.lower(index);
              return IRQ_HANDLED;
            },
            0,
            'test',
            `dev${index}`,
          ),
        ).to.equal(0);
      }
      bench.raise(1);
      udelay(kernel, 10);
      bench.raise(0);
      udelay(kernel, 10);
      bench.raise(2);
      udelay(kernel, 10);
    });
    expect(calls).to.deep.equal([
      [bench.irq(1), 'dev1', true, false],
      [bench.irq(0), 'dev0', true, false],
    ]);
    expect(kernel.irq.desc(bench.irq(0))!.count).to.equal(1);
  });

  it('has one number per source, and errors for what does not exist', () => {
    const bench = makeBench();
    expect(new Set([0, 1, 2].map((index) => bench.irq(index))).size).to.equal(3);
    expect(bench.irq(0)).to.equal(bench.irq(0));
    expect(bench.irq(3)).to.equal(-75);
    expect(request_irq(bench.kernel, 0, () => 0, 0, 'x', null)).to.equal(-EINVAL);
    expect(request_irq(bench.kernel, 99, () => 0, 0, 'x', null)).to.equal(-EINVAL);
    expect(request_irq(bench.kernel, bench.irq(0), () => 0, IRQF_SHARED, 'x', null)).to.equal(-EINVAL);
    expect(request_threaded_irq(bench.kernel, bench.irq(0), null, () => 0, 0, 'x', null)).to.equal(-EINVAL);
  });

  it('shares a line only among those that agree', async () => {
    const bench = makeBench();
    const { kernel, sched } = bench;
    const irq = bench.irq(0);
    const calls: string[] = [];
    const handler = (name: string, result: number) => (): number => {
      calls.push(name);
      if (result !== IRQ_NONE) bench.lower(0);
      return result;
    };
    expect(request_irq(kernel, irq, handler('a', IRQ_NONE), IRQF_SHARED, 'a', 'a')).to.equal(0);
    expect(request_irq(kernel, irq, handler('x', IRQ_NONE), 0, 'x', 'x')).to.equal(-EBUSY);
    expect(request_irq(kernel, irq, handler('x', IRQ_NONE), IRQF_SHARED | IRQF_ONESHOT, 'x', 'x')).to.equal(-EBUSY);
    expect(request_irq(kernel, irq, handler('b', IRQ_HANDLED), IRQF_SHARED, 'b', 'b')).to.equal(0);
    await sched.run(async () => {
      bench.raise(0);
      udelay(kernel, 10);
      expect(calls).to.deep.equal(['a', 'b']);
      await free_irq(kernel, irq, 'a');
      bench.raise(0);
      udelay(kernel, 10);
      expect(calls).to.deep.equal(['a', 'b', 'b']);
      await free_irq(kernel, irq, 'b');
      bench.raise(0);
      udelay(kernel, 10);
      expect(calls).to.have.length(3);
      await free_irq(kernel, irq, 'b');
    });
    expect(kernel.warned).to.deep.equal([`free_irq: trying to free already-free IRQ ${irq}`]);
  });

  it('is freed while the device keeps calling', async () => {
    const bench = makeBench();
    const { kernel, sched } = bench;
    const irq = bench.irq(0);
    let calls = 0;
    const handler = (): number => {
      calls++;
      throw new Error('not in here');
    };
    expect(request_irq(kernel, irq, handler, 0, 'x', null)).to.equal(0);
    await sched.run(async () => {
      bench.raise(0);
      expect(() => udelay(kernel, 1)).to.throw('not in here');
      await free_irq(kernel, irq, null);
      udelay(kernel, 10);
    });
    expect(calls).to.equal(1);
  });

  it('a thread handles what its handler leaves to it, and a one-shot line stays quiet until then', async () => {
    const bench = makeBench();
    const { kernel, sched } = bench;
    const irq = bench.irq(0);
    const log: string[] = [];
    const thread = async (): Promise<number> => {
      log.push(`+${sched.current!.name}`);
      await msleep(kernel, 1);
      bench.lower(0);
      log.push('-');
      return IRQ_HANDLED;
    };
    expect(request_threaded_irq(kernel, irq, null, thread, IRQF_ONESHOT, 'dma', 'd')).to.equal(0);
    await sched.run(async () => {
      bench.raise(0);
      await msleep(kernel, 50);
      // The controller latches the line again while it is masked, as real ones do: the thread may find nothing to do once.
      expect(log.slice(0, 2)).to.deep.equal([`+irq/${irq}-dma`, '-']);
      expect(log).to.have.length.within(2, 4);
      bench.raise(0);
      udelay(kernel, 10);
      const freed = free_irq(kernel, irq, 'd');
      await freed;
    });
    expect(kernel.warned).to.deep.equal([]);
    expect(sched.tasks).to.deep.equal([]);
  });

  it('free_irq waits for the thread, synchronize_irq too', async () => {
    const bench = makeBench();
    const { kernel, sched } = bench;
    let ended = 0;
    const thread = async (): Promise<number> => {
      await msleep(kernel, 10);
      ended++;
      return IRQ_HANDLED;
    };
    const quiet = (): number => {
      bench.lower(0);
      return IRQ_WAKE_THREAD;
    };
    expect(request_threaded_irq(kernel, bench.irq(0), quiet, thread, 0, 'd', 'd')).to.equal(0);
    await sched.run(async () => {
      bench.raise(0);
      udelay(kernel, 10);
      await synchronize_irq(kernel, bench.irq(0));
      expect(ended).to.equal(1);
      bench.raise(0);
      await msleep(kernel, 1);
      await free_irq(kernel, bench.irq(0), 'd');
      expect(ended).to.equal(2);
    });
  });

  it('disable_irq nests, and what is pending is taken when it is enabled', async () => {
    const bench = makeBench();
    const { kernel, sched } = bench;
    const irq = bench.irq(0);
    let calls = 0;
    const handler = (): number => {
      calls++;
      bench.lower(0);
      return IRQ_HANDLED;
    };
    expect(request_irq(kernel, irq, handler, 0, 'd', 'd')).to.equal(0);
    await sched.run(async () => {
      await disable_irq(kernel, irq);
      await disable_irq(kernel, irq);
      bench.raise(0);
      udelay(kernel, 10);
      enable_irq(kernel, irq);
      udelay(kernel, 10);
      expect(calls).to.equal(0);
      enable_irq(kernel, irq);
      expect(calls).to.equal(1);
      enable_irq(kernel, irq);
    });
    expect(kernel.warned).to.deep.equal([`enable_irq: unbalanced enable for IRQ ${irq}`]);
  });

  it('a handler may turn its own line off, and it works again when it is turned on', async () => {
    const bench = makeBench();
    const { kernel, sched } = bench;
    const irq = bench.irq(0);
    let calls = 0;
    const handler = (): number => {
      calls++;
      disable_irq_nosync(kernel, irq);
      bench.lower(0);
      return IRQ_HANDLED;
    };
    expect(request_irq(kernel, irq, handler, 0, 'd', 'd')).to.equal(0);
    await sched.run(() => {
      for (let round = 1; round <= 3; round++) {
        bench.raise(0);
        udelay(kernel, 10);
        expect(calls).to.equal(round);
        enable_irq(kernel, irq);
      }
    });
  });

  it('turns off a line that nobody cares about, and the machine goes on', async () => {
    const bench = makeBench();
    const { kernel, sched } = bench;
    let calls = 0;
    const handler = (): number => {
      calls++;
      return IRQ_NONE;
    };
    expect(request_irq(kernel, bench.irq(0), handler, 0, 'careless', 'd')).to.equal(0);
    await sched.run(async () => {
      bench.raise(0);
      udelay(kernel, 1);
    });
    expect(calls).to.be.within(99_900, 100_001);
    expect(kernel.warned).to.have.length(1);
    expect(kernel.warned[0]).to.match(/nobody cared \(handlers: careless\)/);
  }).timeout(60_000);

  it('a handler that is async, or answers nonsense, is a mistake that is named', async () => {
    for (const bad of [async () => IRQ_HANDLED, () => undefined, () => true]) {
      const bench = makeBench();
      const { kernel, sched } = bench;
      expect(request_irq(kernel, bench.irq(0), bad as never, 0, 'bad', 'd')).to.equal(0);
      const error = await failure(
        sched.run(() => {
          bench.raise(0);
          udelay(kernel, 1);
        }),
      );
      expect(error).to.be.instanceOf(LabError);
      expect(error.message).to.match(/interrupt handler 'bad' has to return .* it returned/);
    }
  });

  it('a handler that stops the kernel does not leave it in interrupt context', async () => {
    const bench = makeBench();
    const { kernel, sched, cpu } = bench;
    const oops = (): number => {
      bench.lower(0);
      throw new KernelOops('wild');
    };
    expect(request_irq(kernel, bench.irq(0), oops, 0, 'bad', 'd')).to.equal(0);
    const error = await failure(
      sched.run(() => {
        bench.raise(0);
        udelay(kernel, 1);
      }),
    );
    expect(error).to.be.instanceOf(KernelOops);
    expect(sched.context.inInterrupt).to.equal(false);
    expect(cpu.interruptsEnabled).to.equal(true);
    let calls = 0;
    const good = (): number => {
      calls++;
      bench.lower(1);
      return IRQ_HANDLED;
    };
    expect(request_irq(kernel, bench.irq(1), good, 0, 'good', 'd')).to.equal(0);
    await sched.run(() => {
      bench.raise(1);
      udelay(kernel, 1);
    });
    expect(calls).to.equal(1);
  });

  it('shows enter and exit on the trace', async () => {
    const bench = makeBench();
    const { kernel, sched } = bench;
    const handler = (): number => {
      bench.lower(0);
      return IRQ_HANDLED;
    };
    request_irq(kernel, bench.irq(0), handler, 0, 'd', 'd');
    bench.record();
    await sched.run(() => {
      bench.raise(0);
      udelay(kernel, 1);
    });
    const seen = bench.events.filter(({ type }) => type === 'irq-enter' || type === 'irq-exit');
    expect(seen).to.deep.equal([
      { type: 'irq-enter', irq: bench.irq(0), handled: false },
      { type: 'irq-exit', irq: bench.irq(0), handled: true },
    ]);
  });

  it('every raise on an enabled, requested line is handled exactly once, whatever is done', async () => {
    const acts = fc.array(
      fc.record({ act: fc.constantFrom('raise', 'enable', 'disable', 'request', 'free'), line: fc.nat(2) }),
      { maxLength: 40 },
    );
    await fc.assert(
      fc.asyncProperty(acts, async (list) => {
        const bench = makeBench();
        const { kernel, sched } = bench;
        const calls = [0, 0, 0];
        const model = [0, 1, 2].map(() => ({ requested: false, depth: 0, high: false, calls: 0 }));
        const settle = (line: number): void => {
          const state = model[line]!;
          if (!state.high || !state.requested || state.depth > 0) return;
          state.high = false;
          state.calls++;
        };
        await sched.run(async () => {
          for (const { act, line } of list) {
            const state = model[line]!;
            const irq = bench.irq(line);
            if (act === 'raise') {
              bench.raise(line);
              state.high = true;
            } else if (act === 'request' && !state.requested) {
              const handler = (): number => {
                calls[line]!++;
                bench.lower(line);
                return IRQ_HANDLED;
              };
              expect(request_irq(kernel, irq, handler, 0, 'd', 'd')).to.equal(0);
              Object.assign(state, { requested: true, depth: 0 });
            } else if (act === 'free' && state.requested) {
              await free_irq(kernel, irq, 'd');
              state.requested = false;
            } else if (act === 'disable' && state.requested) {
              await disable_irq(kernel, irq);
              state.depth++;
            } else if (act === 'enable' && state.requested && state.depth > 0) {
              enable_irq(kernel, irq);
              state.depth--;
            }
            udelay(kernel, 5);
            settle(line);
            expect(calls).to.deep.equal(model.map((each) => each.calls));
          }
        });
        expect(kernel.warned).to.deep.equal([]);
      }),
      { numRuns: 100 },
    );
  });
});

describe('interrupt controller in the device tree', () => {
  const withPlic = (change: (node: NodeSource) => NodeSource): (() => RunningKernel) => {
    const root = rootNode();
    const children = [...platformNodes().slice(0, 1), change(platformNodes()[1]!)];
    return () => makeRunningKernel({ tree: { ...root, children } });
  };
  const without =
    (name: string) =>
    (node: NodeSource): NodeSource => ({
      ...node,
      properties: node.properties!.filter((each) => each.name !== name),
    });

  for (const [name, sentence] of [
    ['riscv,ndev', /does not say how many sources/],
    ['reg', /has no usable reg/],
    ['interrupts-extended', /is wired to no CPU/],
  ] as const) {
    it(`without ${name} is refused in one sentence`, () => {
      expect(withPlic(without(name))).to.throw(LabError, sentence);
    });
  }
});
