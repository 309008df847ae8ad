import { sweepTwins } from './lib/twins';

sweepTwins((number) => number % 2 === 0);
