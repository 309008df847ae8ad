import { expect } from 'chai';
import { EINVAL, ENOMEM } from '../../../base/errno';
import { LabError } from '../../../base/errors';
import { msleep } from '../../../kernel-api/sched/delay';
import { kthread_run } from '../../../kernel-api/sched/kthread';
import { asBound, Devres, devresRegister, fromResult, KernelError, toResult } from '../../../kernel-api/rust';
import { makeBoundDevice } from '../../support/bound-device';
import { onMachine } from '../../support/on-machine';

/** A resource that counts how often it was dropped. */
class Resource implements Disposable {
  drops = 0;
  readonly name: string = 'resource';

  [Symbol.dispose](): void {
    this.drops++;
  }
}

describe('kernel-api/rust: Devres', () => {
  it('drops its resource once, whoever comes first', async () => {
    for (const order of [
      'drop',
      'unbind',
      'drop unbind',
      'unbind drop',
      'drop drop unbind unbind',
      'unbind drop drop',
    ]) {
      const { dev, kernel, unbind } = makeBoundDevice();
      const before = kernel.mm.statistics();
      const resource = new Resource();
      const devres = Devres.new(dev, resource);
      expect(devres.access(dev)).to.equal(resource);
      for (const step of order.split(' ')) {
        if (step === 'drop') devres.drop();
        else await unbind();
        expect(resource.drops, order).to.equal(1);
      }
      expect(dev.devres.count).to.equal(0);
      kernel.mm.slabs.shrink();
      expect(kernel.mm.statistics()).to.deep.equal(before);
    }
  });

  it('gives access for as long as the device is bound', async () => {
    const { dev, unbind } = makeBoundDevice();
    const other = makeBoundDevice().dev;
    const devres = Devres.new(dev, new Resource());
    expect(devres.device()).to.equal(dev);
    expect(() => devres.access(other))
      .to.throw(KernelError)
      .with.property('errno', EINVAL);
    expect(devres.tryAccessWith((data) => data.name)).to.equal('resource');
    const guard = devres.tryAccess()!;
    expect(guard.value.name).to.equal('resource');
    guard[Symbol.dispose]();
    guard[Symbol.dispose]();
    expect(() => guard.value).to.throw(LabError, 'after it was dropped');
    await unbind();
    expect(devres.tryAccess()).to.equal(null);
    expect(devres.tryAccessWith((data) => data.name)).to.equal(null);
    expect(() => devres.access(dev)).to.throw(LabError, 'a resource of test-device was used after it was revoked');
    devres.drop();
    expect(() => devres.tryAccess()).to.throw(LabError, 'The Devres of test-device was used after it was dropped');
    expect(() => Devres.new(dev, new Resource())).to.throw(LabError, 'no driver is bound');
  });

  it('whose guard is held when it is dropped ends the access, with a clear error', () => {
    const { dev } = makeBoundDevice();
    const resource = new Resource();
    const devres = Devres.new(dev, resource);
    using guard = devres.tryAccess()!;
    devres.drop();
    expect(resource.drops).to.equal(1);
    expect(() => guard.value).to.throw(LabError, 'was used after it was revoked');
  });

  it('drops what there was no memory to manage', () => {
    const { dev, kernel } = makeBoundDevice();
    for (const make of [Devres.new<Resource>, devresRegister]) {
      const resource = new Resource();
      kernel.mm.failures.failNth(1);
      expect(() => make(dev, resource))
        .to.throw(KernelError)
        .with.property('errno', ENOMEM);
      expect([resource.drops, dev.devres.count]).to.deep.equal([1, 0]);
    }
  });

  it('is revoked in the order of managed resources, newest first', async () => {
    const { dev, unbind } = makeBoundDevice();
    const order: string[] = [];
    const tell = (name: string): Disposable => ({ [Symbol.dispose]: () => void order.push(name) });
    Devres.new(dev, tell('first'));
    devresRegister(dev, tell('second'));
    const third = Devres.new(dev, tell('third'));
    Devres.new(dev, tell('fourth'));
    third.drop();
    await unbind();
    expect(order).to.deep.equal(['third', 'fourth', 'second', 'first']);
  });

  it('waits at unbind for those who use the resource; a user that sleeps is told off', async () => {
    await onMachine({}, async (kernel) => {
      const dev = asBound(kernel.drivers.devices.find(({ driver }) => driver?.name === 'dw_axi_dmac_platform')!);
      const resource = new Resource();
      const devres = Devres.new(dev, resource);
      const seen: string[] = [];
      kthread_run(
        kernel,
        async () => {
          using guard = devres.tryAccess()!;
          await msleep(kernel, 5);
          seen.push(`used, dropped ${guard.value.drops} times`);
          return 0;
        },
        'user',
      );
      await msleep(kernel, 1);
      const warnings = kernel.warnings;
      expect(warnings, 'sleeping with a guard').to.be.greaterThan(0);
      const unbinding = await kernel.drivers.unbind(dev.driver!.name, dev.name);
      seen.push(`unbound, dropped ${resource.drops} times`);
      expect(unbinding).to.equal(0);
      expect(seen).to.deep.equal(['used, dropped 0 times', 'unbound, dropped 1 times']);
      devres.drop();
      expect(resource.drops).to.equal(1);
    });
  });

  it('dropped while its revocation waits drops the resource there and then', async () => {
    await onMachine({}, async (kernel) => {
      const dev = asBound(kernel.drivers.devices.find(({ driver }) => driver?.name === 'dw_axi_dmac_platform')!);
      const resource = new Resource();
      const devres = Devres.new(dev, resource);
      kthread_run(
        kernel,
        async () => {
          using guard = devres.tryAccess()!;
          await msleep(kernel, 5);
          expect(() => guard.value).to.throw(LabError);
          return 0;
        },
        'user',
      );
      kthread_run(
        kernel,
        async () => {
          await msleep(kernel, 2);
          expect(devres.tryAccess(), 'closed').to.equal(null);
          devres.drop();
          expect(resource.drops).to.equal(1);
          return 0;
        },
        'owner',
      );
      await msleep(kernel, 1);
      expect(await kernel.drivers.unbind(dev.driver!.name, dev.name)).to.equal(0);
      expect(resource.drops).to.equal(1);
    });
  });
});

describe('kernel-api/rust: errors', () => {
  it('are thrown, carry their number, and become return codes again', async () => {
    const error = new KernelError(-EINVAL, 'no pages');
    expect([error.errno, error.toErrno(), error.message]).to.deep.equal([EINVAL, -EINVAL, '-EINVAL: no pages']);
    expect(new KernelError(ENOMEM).message).to.equal('-ENOMEM');
    expect(() => toResult(-ENOMEM))
      .to.throw(KernelError)
      .with.property('errno', ENOMEM);
    toResult(0);
    toResult(5);
    expect(fromResult(() => {})).to.equal(0);
    expect(fromResult(() => 3)).to.equal(3);
    expect(fromResult(() => toResult(-EINVAL))).to.equal(-EINVAL);
    expect(await fromResult(async () => {})).to.equal(0);
    expect(await fromResult(async () => toResult(-EINVAL))).to.equal(-EINVAL);
    const foreign = new TypeError('x');
    expect(() =>
      fromResult(() => {
        throw foreign;
      }),
    ).to.throw(foreign);
    const thrown: unknown = await fromResult(async () => {
      throw foreign;
    }).catch((reason: unknown) => reason);
    expect(thrown).to.equal(foreign);
  });
});
