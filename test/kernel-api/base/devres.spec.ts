import { expect } from 'chai';
import fc from 'fast-check';

import { ENOMEM } from '../../../base/errno';
import { Device } from '../../../kernel-api/base/device';
import {
  devm_add_action,
  devm_add_action_or_reset,
  devm_kfree,
  devm_kmalloc,
  devm_kzalloc,
  devm_remove_action,
  devres_release_all,
} from '../../../kernel-api/base/devres';
import { GFP_KERNEL } from '../../../kernel-api/gfp';
import { KernelOops } from '../../../kernel-api/oops';
import { makeRunningKernel } from '../../support/running-kernel';

describe('managed resources', () => {
  it('are released in reverse order, exactly once, whatever is added and taken away', async () => {
    const act = fc.oneof(
      fc.record({ kind: fc.constant('add' as const), sleeps: fc.boolean() }),
      fc.record({ kind: fc.constant('remove' as const), which: fc.nat(30) }),
      fc.record({ kind: fc.constant('memory' as const), size: fc.integer({ min: 1, max: 5000 }) }),
      fc.record({ kind: fc.constant('free' as const), which: fc.nat(30) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(act, { maxLength: 30 }), async (acts) => {
        const { kernel, sched } = makeRunningKernel();
        const before = kernel.mm.statistics().kmallocObjects;
        const dev = new Device(kernel, 'dev', null, null);
        const released: number[] = [];
        const model: number[] = [];
        const memory: number[] = [];
        const release = async (number: number): Promise<void> => {
          await sched.yield();
          released.push(number);
        };
        const releaseNow = (number: number): void => void released.push(number);
        await sched.run(async () => {
          for (const [index, each] of acts.entries()) {
            if (each.kind === 'add') {
              expect(devm_add_action(dev, each.sleeps ? release : releaseNow, index)).to.equal(0);
              model.push(index);
            } else if (each.kind === 'remove' && model.length > 0) {
              const [gone] = model.splice(each.which % model.length, 1);
              const action = acts[gone!]!.kind === 'add' && (acts[gone!] as { sleeps: boolean }).sleeps;
              devm_remove_action(dev, action ? release : releaseNow, gone!);
            } else if (each.kind === 'memory') {
              const at = devm_kzalloc(dev, each.size, GFP_KERNEL);
              expect(kernel.mm.read(at, each.size).every((byte) => byte === 0)).to.equal(true);
              kernel.mm.fill(at, 0xff, each.size);
              memory.push(at);
            } else if (each.kind === 'free' && memory.length > 0) {
              devm_kfree(dev, memory.splice(each.which % memory.length, 1)[0] as never);
            }
          }
          expect(await devres_release_all(dev)).to.equal(model.length + memory.length);
          expect(released).to.deep.equal(model.toReversed());
          expect(await devres_release_all(dev)).to.equal(0);
          expect(released).to.have.length(model.length);
        });
        expect(kernel.mm.statistics().kmallocObjects).to.equal(before);
        expect(kernel.warned).to.deep.equal([]);
      }),
      { numRuns: 60 },
    );
  });

  it('need memory: without any, or_reset calls the action at once', () => {
    const { kernel } = makeRunningKernel();
    const dev = new Device(kernel, 'dev', null, null);
    let calls = 0;
    const action = (): void => {
      calls++;
    };
    kernel.mm.failures.failNth(1);
    expect(devm_add_action(dev, action, null)).to.equal(-ENOMEM);
    expect(calls).to.equal(0);
    kernel.mm.failures.failNth(1);
    expect(devm_add_action_or_reset(dev, action, null)).to.equal(-ENOMEM);
    expect(calls).to.equal(1);
    kernel.mm.failures.failNth(1);
    expect(devm_kmalloc(dev, 8, GFP_KERNEL)).to.equal(0);
    kernel.mm.failures.clear();
    expect(dev.devres.count).to.equal(0);
  });

  it('are all released even if releasing one stops the kernel', async () => {
    const { kernel, sched } = makeRunningKernel();
    const dev = new Device(kernel, 'dev', null, null);
    const released: string[] = [];
    devm_add_action(dev, () => void released.push('first'), null);
    devm_add_action(
      dev,
      () => {
        throw new KernelOops('wild');
      },
      null,
    );
    devm_add_action(dev, () => void released.push('last'), null);
    let caught: unknown;
    await sched.run(() => devres_release_all(dev)).catch((error: unknown) => (caught = error));
    expect(caught).to.be.instanceOf(KernelOops);
    expect(released).to.deep.equal(['last', 'first']);
  });
});
