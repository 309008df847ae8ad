import { expect } from 'chai';
import fc from 'fast-check';

import {
  dma_async_is_complete,
  dma_cookie_assign,
  dma_cookie_complete,
  dma_cookie_init,
  dma_cookie_status,
} from '../../../kernel-api/dmaengine/cookie';
import {
  DMA_COMPLETE,
  DMA_IN_PROGRESS,
  dma_tx_state,
  type DmaAsyncTxDescriptor,
  type DmaChan,
} from '../../../kernel-api/dmaengine/types';

const MAX = 0x7fff_ffff;

const channel = (): DmaChan => {
  const chan = { cookie: 0, completed_cookie: 0 } as DmaChan;
  dma_cookie_init(chan);
  return chan;
};

const transaction = (chan: DmaChan): DmaAsyncTxDescriptor => ({ chan, cookie: 0 }) as DmaAsyncTxDescriptor;

describe('cookies', () => {
  it('begin after the one that a fresh channel shows as used and complete', () => {
    const chan = channel();
    expect([chan.cookie, chan.completed_cookie]).to.deep.equal([1, 1]);
    expect(dma_cookie_assign(transaction(chan))).to.equal(2);
    expect(dma_cookie_assign(transaction(chan))).to.equal(3);
    expect(chan.completed_cookie).to.equal(1);
  });

  it('tell last, used and no residue', () => {
    const chan = channel();
    const tx = transaction(chan);
    const cookie = dma_cookie_assign(tx);
    const state = { ...dma_tx_state(), residue: 5 };
    expect(dma_cookie_status(chan, cookie, state)).to.equal(DMA_IN_PROGRESS);
    expect(state).to.deep.equal({ last: 1, used: 2, residue: 0 });
    dma_cookie_complete(tx);
    expect(tx.cookie).to.equal(0);
    expect(dma_cookie_status(chan, cookie, state)).to.equal(DMA_COMPLETE);
    expect(state).to.deep.equal({ last: 2, used: 2, residue: 0 });
    expect(dma_cookie_status(chan, cookie, null)).to.equal(DMA_COMPLETE);
  });

  it('wrap from the largest signed number to 1, never through 0 or a negative one', () => {
    const chan = channel();
    chan.cookie = chan.completed_cookie = MAX - 1;
    const cookies = Array.from({ length: 4 }, () => dma_cookie_assign(transaction(chan)));
    expect(cookies).to.deep.equal([MAX, 1, 2, 3]);
  });

  it('are complete in order, across the wrap too', () => {
    const arbitrary = fc.record({
      start: fc.oneof(fc.constantFrom(1, 2, MAX - 3, MAX - 1, MAX), fc.integer({ min: 1, max: MAX })),
      submitted: fc.integer({ min: 1, max: 6 }),
      completed: fc.integer({ min: 0, max: 6 }),
    });
    fc.assert(
      fc.property(arbitrary, ({ start, submitted, completed }) => {
        const chan = channel();
        chan.cookie = chan.completed_cookie = start;
        const all = Array.from({ length: submitted }, () => transaction(chan));
        const cookies = all.map((tx) => dma_cookie_assign(tx));
        all.slice(0, completed).forEach(dma_cookie_complete);
        cookies.forEach((cookie, index) => {
          const expected = index < completed ? DMA_COMPLETE : DMA_IN_PROGRESS;
          expect(dma_async_is_complete(cookie, chan.completed_cookie, chan.cookie)).to.equal(expected);
        });
      }),
    );
  });
});
