"""What people run: talk, chat, demo, bench, doctor, train."""
