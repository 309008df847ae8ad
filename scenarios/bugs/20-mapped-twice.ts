import {
  DMA_BIDIRECTIONAL,
  DMA_FROM_DEVICE,
  ENOMEM,
  dmaAddr,
  dma_map_single,
  dma_mapping_error,
  dma_unmap_single,
  fillPattern,
  patternBytes,
  virtAddr,
  type ScenarioContext,
  type VirtAddr,
} from 'dmalab';
import type { Engine } from './lib/engine';
import { BOUNCING, NON_COHERENT, exhibit } from './lib/exhibit';
import { onBuffer } from './lib/scene';
import { judge, judgeThat } from './lib/verdict';

/** A mailbox: a request to the device, the device's answer, and a flag of the driver's. */
const REQUEST = 256;
const ANSWER = 256;
const FLAG = REQUEST + ANSWER;
const MAILBOX = FLAG + 64;
const HANDLED = 0x600d;

type Talk = (engine: Engine, mailbox: VirtAddr) => Promise<number>;

const answerOf = (mailbox: VirtAddr): VirtAddr => virtAddr(mailbox + REQUEST);

/** The mailbox is mapped once for the request and once for the answer: two owners, each with its own idea of all of it. */
const talkBuggy: Talk = async (engine, mailbox) => {
  const { dev, kernel } = engine;
  const request = dma_map_single(dev, mailbox, MAILBOX, DMA_BIDIRECTIONAL);
  if (dma_mapping_error(dev, request) !== 0) return -ENOMEM;
  const answer = dma_map_single(dev, mailbox, MAILBOX, DMA_FROM_DEVICE); // BUG
  if (dma_mapping_error(dev, answer) !== 0) {
    dma_unmap_single(dev, request, MAILBOX, DMA_BIDIRECTIONAL);
    return -ENOMEM;
  }
  await engine.send(request, REQUEST);
  const received = await engine.receive(dmaAddr(answer + BigInt(REQUEST)), ANSWER);
  dma_unmap_single(dev, answer, MAILBOX, DMA_FROM_DEVICE);
  kernel.mm.store32(virtAddr(mailbox + FLAG), HANDLED);
  dma_unmap_single(dev, request, MAILBOX, DMA_BIDIRECTIONAL);
  return received;
};

const talkFixed: Talk = async (engine, mailbox) => {
  const { dev, kernel } = engine;
  const address = dma_map_single(dev, mailbox, MAILBOX, DMA_BIDIRECTIONAL);
  if (dma_mapping_error(dev, address) !== 0) return -ENOMEM;
  await engine.send(address, REQUEST);
  const received = await engine.receive(dmaAddr(address + BigInt(REQUEST)), ANSWER);
  dma_unmap_single(dev, address, MAILBOX, DMA_BIDIRECTIONAL);
  kernel.mm.store32(virtAddr(mailbox + FLAG), HANDLED);
  return received;
};

const scene = (talk: Talk): ((lab: ScenarioContext) => Promise<void>) =>
  onBuffer(MAILBOX, async (engine, mailbox, lab) => {
    const { mm } = lab.kernel;
    fillPattern(lab.kernel, mailbox, REQUEST, 20);
    engine.expect(21);
    lab.equal(await talk(engine, mailbox), ANSWER, 'bytes received');
    judge(lab, engine.hardware(lab).sent[0]!, patternBytes(20, 0, REQUEST), 'the request');
    judge(lab, mm.read(answerOf(mailbox), ANSWER), patternBytes(21, 0, ANSWER), 'the answer');
    judgeThat(lab, mm.load32(virtAddr(mailbox + FLAG)) === HANDLED, "the driver's flag is lost");
  });

export default exhibit({
  number: 20,
  name: 'mapped-twice',
  title: 'The same memory is mapped twice at a time, and written through both',
  example: 'asterinas/asterinas#2269',
  dmaDebug: 'P',
  reports: ['DMA-OVERLAP'],
  shows: [...NON_COHERENT, ...BOUNCING],
  buggy: scene(talkBuggy),
  fixed: scene(talkFixed),
});
