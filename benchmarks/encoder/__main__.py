from benchmarks.encoder.command import main

main()
