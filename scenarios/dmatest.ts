import {
  Completion,
  DMA_CTRL_ACK,
  DMA_FROM_DEVICE,
  DMA_MEMCPY,
  DMA_PREP_INTERRUPT,
  DMA_TO_DEVICE,
  GuardedBuffer,
  PAGE_SIZE,
  complete,
  dma_async_issue_pending,
  dma_map_single,
  dma_mapping_error,
  dma_release_channel,
  dma_request_chan_by_mask,
  dma_unmap_single,
  dmaengine_prep_dma_memcpy,
  dmaengine_submit,
  expectPattern,
  fillPattern,
  msecs_to_jiffies,
  scenario,
  wait_for_completion_timeout,
  type DmaChan,
  type ScenarioContext,
} from 'dmalab';

const ROUNDS = 300;
const LONGEST = 5 * PAGE_SIZE;

/** Lengths at which things go wrong come up more often than others. */
const someLength = ({ rng }: ScenarioContext): number => {
  if (rng.oneIn(4)) return rng.pick([1, 2, 3, 63, 64, 65, PAGE_SIZE - 1, PAGE_SIZE, PAGE_SIZE + 1, LONGEST]);
  return rng.between(1, LONGEST);
};

/** One copy at random offsets; every byte and every guard byte is checked. */
const round = async (lab: ScenarioContext, chan: DmaChan, seed: number): Promise<number> => {
  const { kernel, rng } = lab;
  const { dev } = chan.device;
  const length = someLength(lab);
  const source = new GuardedBuffer(kernel, length, rng.below(PAGE_SIZE), 'source');
  const target = new GuardedBuffer(kernel, length, rng.below(PAGE_SIZE), 'destination');
  fillPattern(kernel, source.address, length, seed);
  fillPattern(kernel, target.address, length, ~seed);

  const from = dma_map_single(dev, source.address, length, DMA_TO_DEVICE);
  const to = dma_map_single(dev, target.address, length, DMA_FROM_DEVICE);
  lab.ok(dma_mapping_error(dev, from), 'mapping the source');
  lab.ok(dma_mapping_error(dev, to), 'mapping the destination');

  const done = new Completion(kernel);
  const desc = lab.ok(
    dmaengine_prep_dma_memcpy(chan, to, from, length, DMA_PREP_INTERRUPT | DMA_CTRL_ACK),
    'dmaengine_prep_dma_memcpy',
  );
  desc.callback = () => complete(done);
  dmaengine_submit(desc);
  dma_async_issue_pending(chan);
  const left = await wait_for_completion_timeout(done, msecs_to_jiffies(100));
  lab.check(left > 0, `the copy of ${length} bytes did not end within 100 ms`);

  dma_unmap_single(dev, from, length, DMA_TO_DEVICE);
  dma_unmap_single(dev, to, length, DMA_FROM_DEVICE);
  expectPattern(kernel, source.address, length, seed, 'source');
  expectPattern(kernel, target.address, length, seed, 'destination');
  for (const buffer of [source, target]) {
    buffer.expectGuards();
    buffer.free();
  }
  return length;
};

export default scenario({
  name: 'dmatest',
  description: 'copies of random length, offset and alignment, with guard bytes around them',
  matrix: { translation: 'all', coherency: 'all', mask: 'all', cache: 'all' },
  async run(lab) {
    const chan = lab.ok(dma_request_chan_by_mask(lab.kernel, DMA_MEMCPY), 'dma_request_chan_by_mask');
    let bytes = 0;
    for (let i = 0; i < ROUNDS; i++) bytes += await round(lab, chan, lab.rng.nextU32());
    dma_release_channel(chan);
    lab.note(`${ROUNDS} rounds, ${bytes} bytes`);
  },
});
