import { descriptors } from 'dmalab';

const { addressOf, bits, counts, descriptor, flag, format, lengthIn, marks, ring, word32, word64 } = descriptors;

/** An entry of the transmit ring, and of the receive ring. */
export const cardEntry = descriptor(
  'card_desc',
  {
    ADDR: word64(addressOf('data', { align: 4 }), 'where the buffer is'),
    CTRL: word32({
      LEN: bits(13, 0, lengthIn(4), 'transmit: length of the piece; receive: room'),
      FIRST: flag(29, marks('first'), 'a packet begins here'),
      LAST: flag(30, marks('last'), 'a packet ends here'),
      OWN: flag(31, marks('owner'), "the entry is the card's"),
    }),
    STATUS: word32({
      WRITTEN: bits(13, 0, counts('written', 4), 'how much has moved'),
      ERROR: flag(30, marks('error')),
      DONE: flag(31, marks('done')),
    }),
  },
  { align: 16, size: 16, doc: 'an entry of the transmit or receive ring' },
);

export const netCard = format({
  name: 'net-card',
  doc: 'the network card of the tutorial',
  entry: cardEntry,
  follow: ring(),
  pieces: { kind: 'frame', limit: 8 },
  ownership: { kind: 'bit' },
  completion: { kind: 'in-place' },
  doorbell: { register: 'Q_DOORBELL', value: 'notify' },
});
