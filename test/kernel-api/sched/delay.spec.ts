import { expect } from 'chai';
import { LabError } from '../../../base/errors';
import {
  fsleep,
  mdelay,
  msleep,
  ndelay,
  schedule_timeout,
  udelay,
  usleep_range,
} from '../../../kernel-api/sched/delay';
import { onMachine } from '../../support/on-machine';

describe('kernel-api/sched: times to wait that are none', () => {
  it('are no time if they are negative, and a LabError if they are no number', () =>
    onMachine({}, async (kernel) => {
      const start = kernel.cpu.now;
      for (const delay of [udelay, ndelay, mdelay]) {
        delay(kernel, -5);
        for (const time of [NaN, Infinity, -Infinity, undefined as unknown as number]) {
          expect(() => delay(kernel, time), `${delay.name}(${time})`).to.throw(LabError);
        }
      }
      expect(kernel.cpu.now).to.equal(start);
      for (const time of [NaN, Infinity, undefined as unknown as number]) {
        expect(() => msleep(kernel, time), `msleep(${time})`).to.throw(LabError);
        expect(() => usleep_range(kernel, time, time), `usleep_range(${time})`).to.throw(LabError);
        expect(() => fsleep(kernel, time), `fsleep(${time})`).to.throw(LabError);
      }
      await usleep_range(kernel, -1, 5);
      await msleep(kernel, -1);
      await fsleep(kernel, -1);
      expect(kernel.cpu.now - start).to.be.below(10_000_000);
      expect(await schedule_timeout(kernel, -3)).to.equal(0);
      expect(kernel.warnings).to.equal(1);
    }));
});
